// A certified OpenID server (npm `oidc-provider`) set up to be as hard on its clients as UiPath's: every refresh token works
// once, and a second use ends the whole family. `harness.py` beside this file starts it.
//
//     server.mjs [SETTINGS]       SETTINGS is JSON, see `settings`; prints `url: …`, then a line of JSON for each token call
//
// Under `/-/` it tells what it saw: `stats`, `login` (a refresh token without a browser), `settings`, `events`. Beside it
// stands a stub of Orchestrator with one process whose jobs succeed at once: it takes only bearers that the OpenID server
// says are good, and counts those that are not.

import { createHash } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { Provider } from 'oidc-provider';

const settings = {
  life: 2, // of access tokens, in seconds; what is left of a second is said, and not held to
  latency: 4, // of each access to the server's store, in milliseconds
  hold: [0, 0], // between the work and its answer, in milliseconds, at random
  grace: 0, // for so many seconds the second use of a token gets the first one's answer
  drop: 0, // every so many answers, one is dropped after the work
  ...JSON.parse(process.argv[2] ?? '{}'),
};
const CLIENT = 'punctual-test';
// The loopback port of a login is not known before; the server ignores it, as RFC 8252 wants.
const REDIRECTS = ['http://localhost/', 'http://localhost/callback', 'http://127.0.0.1/', 'http://127.0.0.1/callback'];
const SCOPES = ['OR.Jobs', 'OR.Execution.Read', 'OR.Folders.Read'];
const BASE = '/acme/identity_/connect';
const TOKEN = `${BASE}/token`;

const stats = {
  calls: 0, // to the token endpoint with a refresh token
  rotations: 0,
  revoked_families: 0,
  replays: 0, // second uses of a token, whatever came of them
  graced: 0, // those answered like the first one
  dropped: 0,
  in_flight: 0,
  errors: {}, // by the `error` of the answer
  most_calls_of_a_generation: 0,
  bearers_taken: 0,
  bearers_refused: 0,
  jobs: 0,
};
const calls = new Map(); // by generation, which is a hash of its refresh token
const answers = new Map(); // for the grace window: hash to { until, status, body }
let current = null; // the hash of the youngest refresh token
const happened = new EventEmitter().setMaxListeners(0);

const hash = (token) => createHash('sha256').update(token).digest('hex').slice(0, 16);
const now = () => performance.timeOrigin + performance.now();
function tell(event, details = {}) {
  const line = JSON.stringify({ at: now(), event, ...details });
  console.log(line);
  happened.emit('line', line);
}

// --- the OpenID server ------------------------------------------------------------------------------------------------
// In memory, and slow enough that two requests would meet if they could.
const store = new Map();
class Adapter {
  constructor(model) {
    this.model = model;
  }
  key = (id) => `${this.model}:${id}`;
  pause = () => sleep(settings.latency);
  async upsert(id, payload, expiresIn) {
    await this.pause();
    store.set(this.key(id), { payload, until: expiresIn ? now() + expiresIn * 1000 : Infinity });
  }
  async find(id) {
    await this.pause();
    const entry = store.get(this.key(id));
    return entry && entry.until > now() ? entry.payload : undefined;
  }
  async findByUid(uid) {
    await this.pause();
    for (const [key, { payload }] of store) if (key.startsWith('Session:') && payload.uid === uid) return payload;
    return undefined;
  }
  async consume(id) {
    await this.pause();
    store.get(this.key(id)).payload.consumed = Math.floor(now() / 1000);
  }
  async destroy(id) {
    await this.pause();
    store.delete(this.key(id));
  }
  async revokeByGrantId(grantId) {
    await this.pause();
    for (const [key, { payload }] of store) if (payload.grantId === grantId) store.delete(key);
  }
}

const server = createServer();
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const origin = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(origin, {
  adapter: Adapter,
  clients: [
    {
      client_id: CLIENT,
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      redirect_uris: REDIRECTS,
    },
  ],
  scopes: ['openid', 'offline_access', ...SCOPES],
  features: { introspection: { enabled: true }, devInteractions: { enabled: true } },
  pkce: { required: () => true },
  rotateRefreshToken: true,
  revokeGrantPolicy: () => true,
  ttl: { AccessToken: () => Math.ceil(settings.life), RefreshToken: 86_400, Grant: 86_400, Session: 3_600, Interaction: 600 },
  cookies: { keys: ['tests only'] },
  findAccount: async (_, id) => ({ accountId: id, claims: async () => ({ sub: id }) }),
  routes: { authorization: `${BASE}/authorize`, token: TOKEN, introspection: `${BASE}/introspect`, userinfo: `${BASE}/userinfo` },
});
provider.on('refresh_token.consumed', () => (stats.rotations += 1));
provider.on('refresh_token.saved', ({ jti }) => (current = hash(jti)));
provider.on('grant.revoked', (_, grant) => {
  stats.revoked_families += 1;
  tell('revoked', { grant });
});
provider.on('server_error', (_, error) => tell('server_error', { message: String(error?.stack ?? error) }));

async function read(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts).toString();
}

// By itself the library answers two simultaneous uses of one token with 200 twice. Real servers do not.
let last = Promise.resolve();
const one_at_a_time = (work) => (last = last.then(work, work));

provider.use(async (ctx, next) => {
  if (ctx.path !== TOKEN) return next();
  stats.in_flight += 1;
  tell('arrived');
  try {
    const body = await read(ctx.req);
    ctx.req.body = body;
    await one_at_a_time(() => answer(ctx, new URLSearchParams(body).get('refresh_token'), next));
    const [least, most] = settings.hold;
    await sleep(least + Math.random() * (most - least));
  } finally {
    stats.in_flight -= 1;
  }
  if (settings.drop > 0 && stats.calls % settings.drop === 0) {
    stats.dropped += 1;
    tell('dropped');
    ctx.respond = false;
    ctx.req.socket.destroy();
  }
});

async function answer(ctx, token, next) {
  if (token === null) return next();
  const generation = hash(token);
  const count = (calls.get(generation) ?? 0) + 1;
  calls.set(generation, count);
  stats.calls += 1;
  stats.most_calls_of_a_generation = Math.max(stats.most_calls_of_a_generation, count);
  if (count > 1) stats.replays += 1;
  const before = answers.get(generation);
  const graced = before !== undefined && now() < before.until;
  if (graced) {
    stats.graced += 1;
    ctx.status = before.status;
    ctx.body = before.body;
  } else {
    await next();
    if (ctx.status === 200) ctx.body.expires_in = settings.life;
    if (ctx.status === 200 && settings.grace > 0) {
      answers.set(generation, { until: now() + settings.grace * 1000, status: ctx.status, body: ctx.body });
    }
  }
  const error = ctx.body?.error;
  if (error !== undefined) stats.errors[error] = (stats.errors[error] ?? 0) + 1;
  tell('worked', { generation, count, graced, status: ctx.status, error });
}

// --- the stub of Orchestrator -----------------------------------------------------------------------------------------
const RELEASE = { Key: '0d0bb5d6-1f0c-4a3e-9f6e-000000000001', Name: 'Heartbeat' };
const jobs = [];
function list(name, query) {
  if (name === 'Folders') return [{ Id: 1, FullyQualifiedName: 'Shared' }];
  if (name === 'Releases') return [RELEASE];
  // Only what the question names; the client compares again anyway.
  const filter = query.get('$filter') ?? '';
  return jobs.filter((job) => filter.includes(job.Reference) || filter.includes(job.Key));
}
async function orchestrator(request, response, url) {
  const body = await read(request);
  const say = (status, value) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  const bearer = /^bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1];
  const found = bearer && (await provider.AccessToken.find(bearer));
  if (!found) {
    stats.bearers_refused += 1;
    return say(401, { message: 'You are not authenticated!', errorCode: 0 });
  }
  stats.bearers_taken += 1;
  const [name, call] = url.pathname.split('/odata/')[1].split('/');
  if (call?.endsWith('.StartJobs')) {
    const number = jobs.length + 1;
    const at = new Date().toISOString();
    const job = {
      Id: number,
      Key: `0d0bb5d6-1f0c-4a3e-9f6e-${String(number).padStart(12, '1')}`,
      State: 'Successful',
      Reference: JSON.parse(body).startInfo.Reference,
      ReleaseName: RELEASE.Name,
      CreationTime: at,
      StartTime: at,
      EndTime: at,
    };
    jobs.push(job);
    stats.jobs = jobs.length;
    return say(201, { value: [{ ...job, State: 'Pending', StartTime: null, EndTime: null }] });
  }
  const id = /\((\d+)\)$/.exec(name)?.[1];
  if (id) return say(200, jobs[Number(id) - 1]);
  const value = list(name, url.searchParams);
  return say(200, { value, '@odata.count': value.length });
}

// --- what it tells ----------------------------------------------------------------------------------------------------
async function login() {
  const client = await provider.Client.find(CLIENT);
  const grant = new provider.Grant({ accountId: 'someone', clientId: CLIENT });
  const scope = ['offline_access', ...SCOPES].join(' ');
  grant.addOIDCScope(scope);
  const grantId = await grant.save();
  const token = new provider.RefreshToken({ client, accountId: 'someone', grantId, scope, gty: 'authorization_code' });
  return token.save();
}
async function control(request, response, what) {
  const body = await read(request);
  const say = (value) =>
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  switch (what) {
    case 'stats':
      return say({ ...stats, current });
    case 'login':
      return say({ client_id: CLIENT, refresh_token: await login() });
    case 'settings':
      return say(Object.assign(settings, JSON.parse(body)));
    case 'events': {
      response.writeHead(200, { 'content-type': 'application/x-ndjson' }).flushHeaders();
      const pass = (line) => response.write(`${line}\n`);
      happened.on('line', pass);
      response.on('close', () => happened.off('line', pass));
      return undefined;
    }
    default:
      return response.writeHead(404).end();
  }
}

const openid = provider.callback();
server.on('request', (request, response) => {
  const url = new URL(request.url, origin);
  const failed = (error) => {
    tell('server_error', { message: String(error?.stack ?? error) });
    response.writeHead(500).end();
  };
  if (url.pathname.startsWith('/-/')) control(request, response, url.pathname.slice(3)).catch(failed);
  else if (url.pathname.includes('/odata/')) orchestrator(request, response, url).catch(failed);
  else {
    // The library gives `offline_access` only where a person was asked, UiPath whenever it is wanted.
    if (url.pathname === `${BASE}/authorize` && !url.searchParams.has('prompt')) request.url += '&prompt=consent';
    openid(request, response);
  }
});
console.log(`url: ${origin}`);
