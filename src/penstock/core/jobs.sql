-- name: is_waiting
select exists (select 1 from public.procrastinate_jobs where status = 'todo' and task_name = :task and args ->> 'org_id' = :org_id);

-- name: waits
-- What another worker's running job keeps from being taken is waited for there.
select exists (select 1 from public.procrastinate_jobs j where j.status = 'todo'
   and not exists (select 1 from public.procrastinate_jobs d where d.status = 'doing' and d.lock = j.lock));

-- name: settle
-- Jobs that were queued before their stage had this queue, or jobs a lock.
update public.procrastinate_jobs j set queue_name = s.queue, lock = s.task || ':' || (j.args ->> 'org_id')
  from unnest(cast(:tasks as text[]), cast(:queues as text[])) as s(task, queue)
 where j.status = 'todo' and j.task_name = s.task and (j.queue_name <> s.queue or j.lock is null);

-- name: holds
update app.workers
   set queue_ids = array(select w.id from public.procrastinate_workers w where w.id = any(queue_ids) or w.id = cast(:queue_id as bigint) order by w.id)
 where id = cast(:id as uuid);

-- name: free_dead
-- Nobody works on these any more, and their lock would keep their stage from running. What is still due the sweep finds again.
delete from public.procrastinate_jobs j
 where j.status = 'doing'
   and (j.worker_id is null or exists (select 1 from app.workers w where w.id = any(cast(:dead as uuid[])) and j.worker_id = any(w.queue_ids)));
