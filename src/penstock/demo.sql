-- name: broker_exists
select exists (select 1 from app.brokers where id = cast(:id as uuid));

-- name: pages_are_at
update app.orgs set public_url = :base where id = cast(:org_id as int) and postal_address = :made_up and public_url <> :base;

-- name: upload_done
select exists (select 1 from app.uploads where state = 'done');

-- name: later
select stage, items, at from app.next_due where at is not null order by at;

-- name: conservation
-- Rows that ended somewhere; places without a lead, and of a list that makes no leads, rows without a place; leads that are neither finished, nor due, nor waiting for a reason.
select (select count(*) from app.upload_rows) + (select count(*) from app.rejected_rows j join app.uploads u on u.org_id = j.org_id and u.id = j.upload_id where u.playbook <> 'permits') as accounted,
       (select count(*) from app.upload_rows r join app.uploads u on u.org_id = r.org_id and u.id = r.upload_id left join app.properties p on p.org_id = r.org_id and p.id = r.property_id
         where r.property_id is not null and case when u.makes_leads then not exists (select 1 from app.leads l where l.org_id = p.org_id and l.property_id in (p.id, p.merged_into))
                    else not exists (select 1 from app.properties s where s.org_id = p.org_id and s.id = coalesce(p.merged_into, p.id) and s.merged_into is null) end) as without_lead,
       (select count(*) from app.leads l where l.merged_into is null and l.waterfall_exhausted_at is null
           and not exists (select 1 from app.enrichment_due d where d.org_id = l.org_id and d.lead_id = l.id)
           and not exists (select 1 from app.dlq q where q.org_id = l.org_id and q.item = l.id::text)
           and not exists (select 1 from app.vendor_calls v where v.org_id = l.org_id and v.lead_id = l.id and v.status in ('reserved', 'answered', 'in_doubt'))
           and l.campaign_status in ('new', 'queued')) as stranded,
       (select count(*) from app.company_slots s where s.contact_id is not null and s.lead_id is null) as unled,
       (select count(*) from app.company_facts where read_at is null) + (select count(*) from app.signals where processed_at is null) as unread;

-- name: company_stages
-- How far the companies came.
select (select count(*) from app.companies where merged_into is null) as companies,
       (select count(*) from app.company_slots where contact_id is not null) as slots_filled,
       (select count(*) from app.company_slots s join app.contact_points p on p.org_id = s.org_id and p.contact_id = s.contact_id and p.is_primary and p.status = 'green') as verified,
       (select count(*) from app.pages where last_checked_at is not null) as pages_read,
       (select count(distinct company_id) from app.signals where reason like '%window_open%') as windows,
       (select count(*) from app.signals) as signals,
       (select count(*) from app.campaign_contacts where removed_at is null) as in_campaigns,
       (select count(distinct m.lead_id) from app.message_log m join app.leads l on l.org_id = m.org_id and l.id = m.lead_id and l.company_id is not null
         where m.direction = 'outbound' and m.channel = 'email' and m.state in ('sent', 'in_doubt')) as contacted,
       (select count(*) from app.leads where company_id is not null and last_reply_at is not null) as replied,
       (select count(distinct lead_id) from app.appointments where company_id is not null) as booked,
       (select count(*) from app.handoffs where company_id is not null) as handed_off,
       (select count(*) from app.invoice_lines i join app.leads l on l.org_id = i.org_id and l.id = i.lead_id where i.kind = 'charge' and l.company_id is not null) as invoiced,
       (select coalesce(jsonb_object_agg(reason, n), '{}') from (select reason, count(*) as n from app.signals group by reason order by reason) s) as signals_by_reason,
       (select coalesce(jsonb_object_agg(state, n), '{}') from (select channel || ' ' || state as state, count(*) as n from app.tasks group by 1 order by 1) t) as tasks;

-- name: income
select (select count(*) from app.invoices) as invoices, (select coalesce(sum(total_cents), 0) from app.invoices) as total_cents, (select count(*) from app.invoice_lines) as lines;
