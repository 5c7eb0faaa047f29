-- A roofing lead promises what the permits next door, the age of the roof, the title and the picture say of its place.
select l.id as lead_id, cast(coalesce(s.total_urgency_score, 0) as int) as lead_score
  from app.leads l
  left join app.property_scores s on s.org_id = l.org_id and s.property_id = l.property_id and s.playbook = l.playbook
 where l.id = any(cast(:lead_ids as uuid[]))
