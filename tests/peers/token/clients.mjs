// UiPath's old Node client (npm `uipath-orchestrator`) logs in to the sandbox by password and lists jobs with the bearer
// it got. `harness.py` beside this file starts it.
//
//     clients.mjs ORIGIN JOBS         JOBS is how many jobs there are at least

import Orchestrator from 'uipath-orchestrator';

const [origin, least] = process.argv.slice(2);
const FOLDERS = '/odata/Folders';
const JOBS = '/odata/Jobs';

function client(password) {
  const { hostname, port } = new URL(origin);
  return new Orchestrator({
    tenancyName: 'acmeprod',
    usernameOrEmailAddress: 'sandbox-user',
    password,
    hostname,
    port,
    isSecure: false,
  });
}
const get = (orchestrator, path, query) =>
  new Promise((done, failed) => {
    orchestrator.get(path, query, (error, data) => (error ? failed(error) : done(data)));
  });

// A login that cannot be refused proves nothing.
const refused = await get(client('wrong'), FOLDERS, {}).then(
  (data) => `let in: ${JSON.stringify(data)}`,
  (error) => error.statusCode,
);
if (refused !== 400) throw new Error(`with a wrong password: ${refused}`);

const orchestrator = client('sandbox-password');
const { value: folders } = await get(orchestrator, FOLDERS, { $filter: "FullyQualifiedName eq 'Shared'" });
orchestrator.switchOrganizationUnitId(folders[0].Id);
const { value: jobs } = await get(orchestrator, JOBS, { $top: 100 });
if (jobs.length < Number(least)) throw new Error(`${jobs.length} jobs listed, ${least} expected`);
console.log(`figure: uipath-orchestrator 1.1.3: logged in by password, ${jobs.length} jobs listed, wrong password ${refused}`);
