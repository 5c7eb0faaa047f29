-- How promising a lead is for an equity broker: equity, its share of the value, who lives there, and how long.
-- Never age, sex, origin or a stand-in for them: the order of outreach may not rest on those.
select l.id as lead_id,
       cast(least(100, greatest(0, round(
           40 * least(coalesce(p.estimated_equity, 0) / 400000.0, 1)
         + 30 * least(greatest(coalesce(p.estimated_equity / nullif(p.property_value, 0), 0), 0), 1)
         + case when p.owner_occupied then 15 when p.owner_occupied is null then 5 else 0 end
         + 15 * least(greatest(coalesce(extract(year from app.now()) - extract(year from p.last_sale_date), 7), 0) / 15.0, 1)))) as int) as lead_score
  from app.leads l join app.properties p on p.org_id = l.org_id and p.id = l.property_id
 where l.id = any(cast(:lead_ids as uuid[]))
