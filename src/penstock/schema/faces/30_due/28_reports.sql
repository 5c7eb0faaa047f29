-- What a report rests on, in one text: only what the owner would notice. The total drifts from day to day as permits grow
-- old, and is shown with its day instead.
create view app.report_basis with (security_invoker = true) as
select l.org_id, l.id as lead_id, l.playbook, l.property_id,
       concat_ws('/', s.tier, s.permits_within_100ft, s.permits_within_500ft, s.permits_within_quarter_mile, s.nearest_permit_id, s.installed_year, s.by_permit, s.fresh, s.known,
                 l.assigned_broker_id, extract(epoch from c.updated_at), (select max(i.fetched_at) from app.roof_images i where i.org_id = l.org_id and i.property_id = l.property_id and i.status = 'live')) as basis
  from app.leads l
  join app.property_scores s on s.org_id = l.org_id and s.property_id = l.property_id and s.playbook = l.playbook
  left join app.contractors c on c.org_id = l.org_id and c.broker_id = l.assigned_broker_id
 where l.merged_into is null and l.lead_status <> 'do_not_contact';
comment on view app.report_basis is 'The few facts of a lead''s place whose change makes a new report.';

create view app.reports_due with (security_invoker = true) as
select b.org_id, b.lead_id as id, b.playbook, b.property_id, b.basis
  from app.report_basis b
 where not exists (select 1 from app.property_reports r where r.org_id = b.org_id and r.lead_id = b.lead_id and r.is_current and r.basis = b.basis)
   and not exists (select 1 from app.on_hold h where h.org_id = b.org_id and h.stage = 'reports' and h.item = b.lead_id::text);
comment on view app.reports_due is 'Leads without a report of the present facts.';
