-- SQLite before 3.45, such as that of Debian 12, takes json_valid(null) for false: its integrity check calls every run without arguments
-- damaged. All rows fit the rule as it was meant, so only its text changes; building a table of a million rows anew for that would take a
-- minute. https://www.sqlite.org/lang_altertable.html, "Making Other Kinds Of Table Schema Changes", allows it for checks.
pragma writable_schema = on;

update sqlite_schema
set sql = replace(sql, 'check (json_valid(template))', 'check (template is null or json_valid(template))')
where type = 'table' and name = 'run';

-- Whoever has the database open reads the schema again.
create table template_check (one integer);
drop table template_check;

pragma writable_schema = reset;
