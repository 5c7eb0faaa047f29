-- name: relations
-- Relations that faces are made of, and the faces themselves.
select cast(c.oid as bigint) as id, n.nspname || '.' || c.relname as name, obj_description(c.oid, 'pg_class') as comment,
       cast(r.ev_action as text) as rule
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  left join pg_rewrite r on r.ev_class = c.oid and r.rulename = '_RETURN' and c.relkind = 'v'
 where n.nspname = any (cast(:schemas as text[])) and c.relkind in ('r', 'p', 'v', 'm');

-- name: columns
-- Their columns in order; labels are those of an enum, in its order.
select cast(c.oid as bigint) as relation, a.attnum as number, a.attname as name, a.attnotnull as not_null,
       format_type(a.atttypid, null) as type, t.typname as type_name, col_description(c.oid, a.attnum) as comment,
       array(select cast(e.enumlabel as text) from pg_enum e where e.enumtypid = t.oid order by e.enumsortorder) as labels
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  join pg_type t on t.oid = a.atttypid
 where n.nspname = any (cast(:schemas as text[])) and c.relkind in ('r', 'p', 'v', 'm')
 order by c.oid, a.attnum;
