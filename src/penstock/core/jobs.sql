-- name: is_waiting
select exists (select 1 from public.procrastinate_jobs where status = 'todo' and task_name = :task and args ->> 'org_id' = :org_id);
