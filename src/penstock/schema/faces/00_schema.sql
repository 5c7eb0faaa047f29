-- Faces hold no data: their views and functions are dropped and rebuilt on every upgrade.
create schema if not exists api;
grant usage on schema api to anon, authenticated, service_role, pipeline_writer;
comment on schema api is 'Views and functions over app: what other programs and people with a SQL prompt use.';
