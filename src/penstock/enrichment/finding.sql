-- name: addresses_at
-- Every address on file of the people of the companies at these domains, and whether it shows how addresses are made there: one that
-- lives, or that somebody gave us and nobody called dead where the domain accepts all.
select c.first_name, c.last_name, c.full_name, p.value, p.status = 'green' or (p.status = 'yellow' and p.source <> 'email_pattern') as lives
  from app.companies co
  join app.contacts c on c.org_id = co.org_id and c.company_id = co.id
  join app.contact_points p on p.org_id = c.org_id and p.contact_id = c.id and p.kind = 'email' and p.value ~ '^s[0-9]+\.' and not p.is_invalid
 where co.org_id = cast(:org_id as int) and co.domain = any(cast(:domains as text[])) and co.merged_into is null
 order by p.id;

-- name: code_maps
select provider, code, is_verified, cast(status as text) as status from app.verification_code_map where channel = 'email' and provider = any(cast(:providers as text[]));
