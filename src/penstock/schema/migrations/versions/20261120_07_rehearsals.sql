-- What a town sold and answered is invented. Who was in one must never reach people with it.
alter table app.orgs add column rehearsed_at timestamptz;
select app.describe('orgs', 'A tenant: the seller on whose behalf people are contacted.', $$
rehearsed_at: since when a town stood in for vendors and people: what it sold and answered is invented, so nobody real is ever reached from here
$$);
update app.orgs set rehearsed_at = created_at where postal_address = '200 Harbor Street, Tampa, FL 33602';
