-- name: broker_exists
select exists (select 1 from app.brokers where id = cast(:id as uuid));

-- name: pages_are_at
update app.orgs set public_url = :base where id = cast(:org_id as int) and public_url <> :base;

-- name: upload_done
select exists (select 1 from app.uploads where state = 'done');

-- name: later
select stage, items, at from app.next_due where at is not null order by at;

-- name: conservation
-- Rows that ended somewhere; places without a lead; leads that are neither finished, nor due, nor waiting for a reason.
select (select count(*) from app.upload_rows) + (select count(*) from app.rejected_rows) as accounted,
       (select count(*) from app.upload_rows r join app.properties p on p.org_id = r.org_id and p.id = r.property_id
         where not exists (select 1 from app.leads l where l.org_id = p.org_id and l.property_id in (p.id, p.merged_into))) as without_lead,
       (select count(*) from app.leads l where l.merged_into is null and l.waterfall_exhausted_at is null
           and not exists (select 1 from app.enrichment_due d where d.org_id = l.org_id and d.lead_id = l.id)
           and not exists (select 1 from app.dlq q where q.org_id = l.org_id and q.item = l.id::text)
           and not exists (select 1 from app.vendor_calls v where v.org_id = l.org_id and v.lead_id = l.id and v.status in ('reserved', 'answered', 'in_doubt'))
           and l.campaign_status in ('new', 'queued')) as stranded;

-- name: income
select (select count(*) from app.invoices) as invoices, (select coalesce(sum(total_cents), 0) from app.invoices) as total_cents, (select count(*) from app.invoice_lines) as lines;
