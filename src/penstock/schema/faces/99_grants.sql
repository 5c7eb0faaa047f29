do $$
declare v record;
begin
  for v in select c.oid::regclass as name from pg_class c where c.relnamespace = 'app'::regnamespace and c.relkind = 'v' loop
    execute format('grant select on %s to service_role', v.name);
  end loop;
end $$;
grant execute on all functions in schema api to authenticated, service_role, pipeline_writer;
grant usage on all sequences in schema app to authenticated, service_role, pipeline_writer;
