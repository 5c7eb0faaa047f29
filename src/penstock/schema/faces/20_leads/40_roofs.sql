-- What live pictures say of a place: the mean of what several models saw, and how far apart they are. Nothing synthetic counts.
create view app.roof_facts with (security_invoker = true) as
select a.org_id, a.property_id, cast(avg(100 - a.condition_score) as double precision) as damage, cast(avg(a.remaining_life_years) as double precision) as life_left_years,
       count(*) as looked, max(a.condition_score) - min(a.condition_score) as apart, max(a.assessed_at) as assessed_at
  from app.roof_assessments a join app.roof_images i on i.org_id = a.org_id and i.id = a.image_id
 where a.status = 'live' and i.status = 'live'
 group by a.org_id, a.property_id;
comment on view app.roof_facts is 'What live pictures say of a place.';
grant select on app.roof_facts to authenticated;
