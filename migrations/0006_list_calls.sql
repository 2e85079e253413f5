-- The list calls of the last minute: the limit is the tenant's, so a daemon that has just started counts those of the one before it.
create table list_call (
  connection text not null,
  at integer not null,
  calls integer not null check (calls > 0),
  primary key (connection, at)
) strict, without rowid;

-- Those that are older than a minute go with each that is written.
create index list_call_by_at on list_call (at);
