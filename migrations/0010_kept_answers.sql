-- The first answer to an act that was asked for under a key. It is written with the act, so that whoever asks again after an answer that
-- was lost is told the same, and nothing is done twice; also after a kill between both.
create table kept_answer (
  -- Whose key: two people may choose the same one.
  actor text not null,
  key text not null,
  at integer not null,
  -- A hash of what was asked for: the same key does not stand for another act.
  asked text not null,
  answer text not null,
  primary key (actor, key)
) strict, without rowid;

-- What is older than a day goes with the next one that is written.
create index kept_answer_at on kept_answer (at);
