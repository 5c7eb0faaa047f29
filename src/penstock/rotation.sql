-- name: sealed_columns
select c.relname as "table", a.attname as "column",
       array(select k.attname from pg_index i join pg_attribute k on k.attrelid = i.indrelid and k.attnum = any (i.indkey) where i.indrelid = c.oid and i.indisprimary and k.attname <> 'org_id') as key
  from pg_class c join pg_attribute a on a.attrelid = c.oid
 where c.relnamespace = 'app'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition and a.attname like '%\_sealed' and a.atttypid = 'text'::regtype and c.relname <> 'orgs'
 order by 1, 2;

-- name: make_current
with others as (update app.key_versions set is_current = false, retired_at = coalesce(retired_at, app.now()) where version <> cast(:version as int) and is_current returning 1),
     waited as (select count(*) from others)
insert into app.key_versions (version, is_current) select cast(:version as int), true from waited
on conflict (version) do update set is_current = true, retired_at = null;

-- name: org_secret
select alert_secret_sealed from app.orgs where id = cast(:org_id as int);

-- name: set_org_secret
update app.orgs set alert_secret_sealed = :sealed where id = cast(:org_id as int);
