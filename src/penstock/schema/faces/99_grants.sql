do $$
declare v record;
begin
  for v in select c.oid::regclass as name from pg_class c where c.relnamespace = 'app'::regnamespace and c.relkind = 'v' loop
    execute format('grant select on %s to service_role', v.name);
  end loop;
end $$;
grant execute on all functions in schema api, company, people, marketing, territory to authenticated, service_role, pipeline_writer;
grant usage on all sequences in schema app to authenticated, service_role, pipeline_writer;
-- What staff may read through these faces is what the tables behind them let them read; only the engine's role writes.
grant select on all tables in schema company, people, marketing, bit, intake to authenticated;
grant select, insert, update, delete on all tables in schema company, people, marketing, bit, intake to service_role;
-- These are read only: what is changed is changed through the rooms.
grant select on all tables in schema territory to authenticated, service_role;
