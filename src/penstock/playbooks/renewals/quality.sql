-- How well a person at a company can be reached. A deliverable mailbox is the ground (60) on which title, profile and a working phone add;
-- a risky one is 45 whatever else is known: never contactable by itself, taken only where a campaign allows it. Dead and unknown are nothing.
select l.id as lead_id,
       cast(case when m.green then 60 + case when c.title is not null then 15 else 0 end
                                      + case when c.profile_key is not null or exists (select 1 from app.pages g where g.org_id = l.org_id and g.contact_id = l.contact_id) then 15 else 0 end
                                      + case when m.phone then 10 else 0 end
                 when m.yellow then 45 else 0 end as numeric) as quality,
       m.green or m.yellow as has_email
  from app.leads l
  join app.contacts c on c.org_id = l.org_id and c.id = l.contact_id
 cross join lateral (
       select coalesce(bool_or(p.is_primary and p.status = 'green'), false) as green, coalesce(bool_or(p.is_primary and p.status = 'yellow'), false) as yellow,
              coalesce(bool_or(p.kind = 'phone' and p.verified), false) as phone
         from app.contact_points p where p.org_id = l.org_id and p.contact_id = l.contact_id and not p.is_invalid) m
 where l.id = any(cast(:lead_ids as uuid[]))
