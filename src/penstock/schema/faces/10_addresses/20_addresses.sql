-- The identity of an address. The only place that computes it. An import asks once or twice a row: what has several steps is
-- PL/pgSQL, whose expressions are planned once; a query inside a nested SQL function is started anew at each call.

create function api.normalize_zip(zip text) returns text language sql immutable parallel safe as $$
  select case
    when zip ~ '^\s*\d{5}(-?\s?\d{4})?\s*$' then substr(btrim(zip), 1, 5)
    when zip ~ '^\s*\d{3,4}(\.0)?\s*$' then lpad(split_part(btrim(zip), '.', 1), 5, '0')   -- a spreadsheet ate the leading zeros
    when zip ~ '^\s*\d{5}\.0\s*$' then substr(btrim(zip), 1, 5)
  end
$$;
comment on function api.normalize_zip(text) is 'Five digits of a ZIP or ZIP+4; null if it is neither.';

-- What stands after the street: "Apt 4", "#4", "Unit 4-B" and "STE 4B" are told by their number alone.
create function api.normalize_unit(unit text) returns text language sql immutable parallel safe as $$
  select nullif(regexp_replace(regexp_replace(upper(coalesce(unit, '')),
    '^\s*(APARTMENT|APT|UNIT|SUITE|STE|ROOM|RM|FLOOR|FL|BUILDING|BLDG|NUMBER|NO|LOT|SPACE|SPC|#)(?![A-Z])[.\s#:]*', ''), '[^A-Z0-9]', '', 'g'), '')
$$;
comment on function api.normalize_unit(text) is 'The bare number or letter of a unit, upper case; null if there is none.';

-- A compass word between the number and the last word is the name itself ("100 North St" is not "100 N St"): it stays.
create function api.normalize_street(line text) returns text language plpgsql immutable parallel safe as $$
declare
  words text[] := string_to_array(btrim(regexp_replace(upper(coalesce(line, '')), '[^A-Z0-9/-]+', ' ', 'g')), ' ');
  last int := cardinality(words);
begin
  for n in 2 .. last loop
    words[n] := coalesce(case when last > 3 or n = last then api.direction_words() ->> words[n] end, api.street_words() ->> words[n], words[n]);
  end loop;
  return nullif(array_to_string(words, ' '), '');
end $$;
comment on function api.normalize_street(text) is 'A street line in one spelling: upper case, no punctuation, suffixes and directions abbreviated.';

create function api.compute_addr_hash(line1 text, line2 text, city text, state text, zip text) returns text
language plpgsql immutable parallel safe as $$
declare   -- a unit may hide at the end of line 1
  parts text[] := regexp_match(upper(line1), '^(.*\S)[\s,]+(?:(?:APARTMENT|APT|UNIT|SUITE|STE|ROOM|RM)[.\s#]+|#\s*)([A-Z0-9-]+)\s*$');
  street text := api.normalize_street(coalesce(parts[1], line1));
  five text := api.normalize_zip(zip);
begin
  if street is null or (five is null and coalesce(btrim(city), '') = '') then
    return null;
  end if;
  return encode(sha256(convert_to(concat_ws('|', street, coalesce(api.normalize_unit(line2), api.normalize_unit(parts[2]), ''),
    upper(btrim(regexp_replace(coalesce(city, ''), '[^A-Za-z0-9]+', ' ', 'g'))), upper(btrim(coalesce(state, ''))), coalesce(five, '')), 'UTF8')), 'hex');
end $$;
comment on function api.compute_addr_hash(text, text, text, text, text) is 'SHA-256 of the normalised address, unit included; null if there is no street or neither city nor ZIP.';

create function api.compute_addr_hash(line1 text, city text, state text, zip text) returns text
language sql immutable parallel safe as $$ select api.compute_addr_hash(line1, null, city, state, zip) $$;
comment on function api.compute_addr_hash(text, text, text, text) is 'The same for an address without a second line.';

create function api.fill_addr_hash() returns trigger language plpgsql set search_path = pg_catalog as $$
begin
  new.addr_hash := api.compute_addr_hash(new.address_line1, new.address_line2, new.city, new.state, new.postal_code);
  return new;
end $$;
create trigger trg_leads_addr_hash before insert or update on app.properties for each row when (new.addr_hash is null) execute function api.fill_addr_hash();
