-- What an address is compared by, written as one query over its words: easy to read, too slow to import with.
create schema spec;
create function spec.street(line text) returns text language sql as $$
  with words as (select regexp_split_to_array(btrim(regexp_replace(upper(coalesce(line, '')), '[^A-Z0-9/-]+', ' ', 'g')), ' ') as w)
  select nullif(string_agg(
           case when n > 1 and (cardinality(w) > 3 or n = cardinality(w)) and api.direction_words() ? word then api.direction_words() ->> word
                when n > 1 then coalesce(api.street_words() ->> word, word)
                else word end, ' ' order by n), '')
    from words, unnest(w) with ordinality as u(word, n)
$$;
create function spec.hash(line1 text, line2 text, city text, state text, zip text) returns text language sql as $$
  with parts as (
    select coalesce(regexp_match(upper(line1), '^(.*\S)[\s,]+(?:(?:APARTMENT|APT|UNIT|SUITE|STE|ROOM|RM)[.\s#]+|#\s*)([A-Z0-9-]+)\s*$'), array[line1, null]) as p)
  select case when spec.street(p[1]) is not null and (nullif(btrim(city), '') is not null or api.normalize_zip(zip) is not null) then
    encode(sha256(convert_to(concat_ws('|', spec.street(p[1]), coalesce(api.normalize_unit(line2), api.normalize_unit(p[2]), ''),
      upper(btrim(regexp_replace(coalesce(city, ''), '[^A-Za-z0-9]+', ' ', 'g'))), upper(btrim(coalesce(state, ''))), coalesce(api.normalize_zip(zip), '')), 'UTF8')), 'hex') end
    from parts
$$;
create temp table asked (line1 text, line2 text, city text, state text, zip text);
