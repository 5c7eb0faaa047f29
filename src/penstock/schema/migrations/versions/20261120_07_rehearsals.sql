-- What a town sold and answered is invented. Who was in one must never reach people with it, and who reaches people must never be in one.
alter table app.orgs add column rehearsed_at timestamptz, add column live_at timestamptz, add constraint rehearsed_or_live check (rehearsed_at is null or live_at is null);
select app.describe('orgs', 'A tenant: the seller on whose behalf people are contacted.', $$
rehearsed_at: since when a town stood in for vendors and people: what it sold and answered is invented, so nobody real is ever reached from this database
live_at: since when real vendors and people can be reached: no town ever answers in this database
$$);
update app.orgs set rehearsed_at = created_at where postal_address = '200 Harbor Street, Tampa, FL 33602';
