// The official TypeScript SDK against the sandbox. `run` beside this file says what for.
//
//     peer.mjs start ORIGIN OUT        starts one job and reads it to its end, starts another and stops it
//     peer.mjs read ORIGIN KEYS OUT    lists all jobs of the folder, and retrieves each job named in the file KEYS
//
// OUT is a folder; a line of what is written there is one job, as this client sees it.

import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { UiPath } from '@uipath/uipath-typescript/core';
import { Jobs, JobState } from '@uipath/uipath-typescript/jobs';
import { Processes } from '@uipath/uipath-typescript/processes';

const FOLDER = 'Shared';
const SCOPE = 'OR.Jobs OR.Execution.Read OR.Folders.Read';
const FINAL = [JobState.Successful, JobState.Faulted, JobState.Stopped];
const PAGE = 7; // Small, so that there is more than one.

async function json(url, request) {
  const answer = await fetch(url, request);
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

// This SDK logs in through a browser only, and has no folders: both are asked for by hand.
async function connect(origin) {
  const body = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: 'sandbox-client',
    client_secret: 'sandbox-secret',
    scope: SCOPE,
  });
  const { access_token: secret } = await json(`${origin}/acme/identity_/connect/token`, { method: 'POST', body });
  const filter = encodeURIComponent(`FullyQualifiedName eq '${FOLDER}'`);
  const headers = { authorization: `Bearer ${secret}` };
  const folders = await json(`${origin}/acme/acmeprod/orchestrator_/odata/Folders?$filter=${filter}`, { headers });
  const sdk = new UiPath({ baseUrl: origin, orgName: 'acme', tenantName: 'acmeprod', secret });
  return { jobs: new Jobs(sdk), processes: new Processes(sdk), folder: folders.value[0].Id };
}

const short = (job) => ({
  key: job.key,
  id: job.id,
  state: job.state,
  process: job.processName,
  reference: job.reference ?? null,
});

async function untilFinal({ jobs, folder }, key) {
  let job;
  for (let i = 0; i < 120; i += 1) {
    job = await jobs.getById(key, folder);
    if (FINAL.includes(job.state)) return job;
    await sleep(250);
  }
  throw new Error(`job ${key} is still ${job.state} after 30 s`);
}

const write = (out, name, rows) =>
  writeFileSync(`${out}/${name}`, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));

async function start(client, out) {
  const { jobs, processes, folder } = client;
  const known = (await processes.getAll({ folderId: folder })).items;
  const begin = async (name, inputArguments) => {
    const { key: processKey } = known.find((process) => process.name === name);
    const [job] = await processes.start({ processKey, inputArguments }, folder);
    return job;
  };
  const ended = await untilFinal(client, (await begin('InvoiceIntake', '{"source":"typescript"}')).key);
  const output = await ended.getOutput();
  if (output?.invoices !== 17) throw new Error(`output of job ${ended.key}: ${JSON.stringify(output)}`);
  const second = await begin('LongReport');
  await jobs.stop([second.key], folder);
  write(out, 'started.ndjson', [short(ended), short(await untilFinal(client, second.key))]);
}

async function read({ jobs, folder }, keys, out) {
  const listed = [];
  let page = await jobs.getAll({ folderId: folder, orderby: 'id asc', pageSize: PAGE });
  listed.push(...page.items);
  while (page.hasNextPage) {
    page = await jobs.getAll({ folderId: folder, orderby: 'id asc', cursor: page.nextCursor });
    listed.push(...page.items);
  }
  write(out, 'listed.ndjson', listed.map(short));
  const retrieved = [];
  for (const key of keys) {
    const job = await jobs.getById(key, folder);
    retrieved.push({
      ...short(job),
      started: job.startTime ?? null,
      ended: job.endTime ?? null,
      arguments: job.inputArguments == null ? null : JSON.parse(job.inputArguments),
      output: await job.getOutput(),
    });
  }
  write(out, 'retrieved.ndjson', retrieved);
}

const [mode, origin, ...rest] = process.argv.slice(2);
const client = await connect(origin);
if (mode === 'start') await start(client, rest[0]);
else if (mode === 'read') await read(client, readFileSync(rest[0], 'utf8').split('\n').filter(Boolean), rest[1]);
else throw new Error(`unknown mode ${mode}`);
