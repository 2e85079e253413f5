-- A number that follows from what a row must not lose: see src/store/seal.rs. Rows of before have none and are not checked.

alter table run add column seal integer;

alter table mark add column seal integer;
