-- What a database of the first schema looks like after a day: read by tests/store/main.rs with every later schema.
insert into installation (one, id, created_at, released_until) values (1, '0badcafe', 1795417200000, 0);
insert into schedule_version (id, schedule, timing_hash, timing, loaded_at) values
  (1, 'invoices', '0011223344556677', '{"cron":["0 12 * * *"],"every_s":null,"anchor":null,"at":[],"timezone":"UTC","dst_gap":"shift","dst_overlap":"first","dst_class":null}', 1795417200000),
  (2, 'invoices', 'ffeeddccbbaa9988', '{"a timing":"that no version can read"}', 1795417300000);
insert into mark (schedule, mark_at, version_id) values ('invoices', 1795435200000, 2);
insert into run (id, version, schedule, trigger, nominal_at, local, offset_s, fire_at, claimed_at, deadline_at, sent_at, accepted_at, started_at, ended_at,
  state, connection, folder, process, payload, on_unknown_start, output) values
  ('019ab0a0-0000-7000-8000-000000000001', 5, 'invoices', 'scheduled', 1795348800000, '2026-11-22T12:00:00', 0, 1795348800000, 1795348800004, 1795352400000,
   1795348800010, 1795348800200, 1795348802000, 1795348832000, 'succeeded', 'cloud', 'Shared', 'InvoiceIntake',
   '{"process":"InvoiceIntake","folder":"Shared","runtime":null,"arguments":{"country":"NO"}}', 'retry', '{"invoices":17}');
insert into run (id, version, schedule, trigger, nominal_at, nominal_until_at, count, local, offset_s, fire_at, claimed_at, deadline_at, ended_at,
  state, reason, connection, process, payload, on_unknown_start) values
  ('019ab0a0-0000-7000-8000-000000000002', 1, 'pulse', 'scheduled', 1795348801000, 1795352401000, 3601, '2026-11-22T12:00:01', 0, 1795348801000, 1795360000000,
   1795352401000, 1795360000000, 'missed', 'down', 'cloud', 'Pulse', '{"process":"Pulse","folder":null,"runtime":null,"arguments":null}', 'retry');
insert into run (id, version, schedule, trigger, nominal_at, local, offset_s, fire_at, claimed_at, deadline_at, sent_at,
  state, connection, folder, process, payload, on_unknown_start) values
  ('019ab0a0-0000-7000-8000-000000000003', 2, 'invoices', 'scheduled', 1795435200000, '2026-11-23T12:00:00', 0, 1795435200000, 1795435200004, 1795438800000,
   1795435200010, 'starting', 'cloud', 'Shared', 'InvoiceIntake',
   '{"process":"InvoiceIntake","folder":"Shared","runtime":null,"arguments":null}', 'retry');
insert into attempt (run_id, job_number, attempt, reference, folder_id, sends, sent_at, job_id, job_key, job_state, sweep_at) values
  ('019ab0a0-0000-7000-8000-000000000001', 1, 1, 'p1.0badcafe.0123456789ab.toj400', 7, 2, 1795348800010, 41, '00000000-0000-0000-0000-000000000029', 'Successful', 1795349100000),
  ('019ab0a0-0000-7000-8000-000000000003', 1, 1, 'p1.0badcafe.0123456789ab.tokus0', 7, 1, 1795435200010, null, null, null, null);
insert into run_event (run_id, at, state, reason, text) values
  ('019ab0a0-0000-7000-8000-000000000001', 1795348800004, 'starting', null, 'Sent to Orchestrator'),
  ('019ab0a0-0000-7000-8000-000000000001', 1795348832500, 'succeeded', null, 'Job 41 is Successful');
insert into evidence (connection, folder_id, reference, proven_at) values ('cloud', 7, 'p1.0badcafe.0123456789ab.toj400', 1795348802000);
insert into audit (at, actor, action, subject, detail) values (1795348800000, 'root', 'pause', 'invoices', null);
insert into housekeeping (name, last_ok_at) values ('backup', 1795400000000);
