import type { ReactElement } from "react";
import { RenewalBadge } from "./RenewalBadge";
import { ROLE_CODES, type CalendarDate, type Company, type CompanySlot, type NextRenewal, type RoleCode, type Signal } from "./schema";
import { initials, spoken, webAddress } from "./text";
import { VerificationMark } from "./VerificationMark";

export interface CompanyCardProps {
  /** A row of `company.company`. */
  company: Company;
  /** The company's rows of `company.vw_company_slots`; a role without a row is shown as vacant. */
  slots: readonly CompanySlot[];
  /** Its row of `company.vw_next_renewal`; null when it has none. */
  renewal: NextRenewal | null;
  /** Today in the tenant's time zone, `2026-11-30`. */
  today: CalendarDate;
  /** Its rows of `bit.signal`, as many as there is room for. */
  signals?: readonly Signal[];
}

const ROLES: Record<RoleCode, string> = { CEO: "Chief executive", CFO: "Finance", HR: "People" };

/** A company: where it is, who sits in its three slots and how far each email is verified, when it renews, what stirred. */
export function CompanyCard({ company, slots, renewal, today, signals = [] }: CompanyCardProps): ReactElement {
  const place = [company.city, company.state_region].filter(Boolean).join(", ");
  return (
    <article className="ps-card ps-company" aria-label={company.company_name}>
      <header className="ps-who">
        <h3 className="ps-name">{company.company_name}</h3>
        {place && <p className="ps-muted">{place}</p>}
        <Links company={company} />
      </header>
      <RenewalBadge renewal={renewal} today={today} />
      <ul className="ps-slots" aria-label="Slots">
        {ROLE_CODES.map((role) => (
          <Slot key={role} role={role} slot={slots.find((slot) => slot.role_code === role)} />
        ))}
      </ul>
      {signals.length > 0 && (
        <ul className="ps-signals" aria-label="Signals">
          {signals.map((signal) => (
            <li key={signal.signal_id} data-processed={signal.processed_at !== null}>
              {spoken(signal.reason)}
            </li>
          ))}
        </ul>
      )}
    </article>
  );
}

function Slot({ role, slot }: { role: RoleCode; slot: CompanySlot | undefined }): ReactElement {
  const name = slot?.full_name ?? null;
  return (
    <li className="ps-slot" data-role={role} data-vacant={name === null}>
      <span className="ps-avatar" aria-hidden="true">
        {name === null ? "" : initials(name)}
      </span>
      <span className="ps-who">
        <span className={name === null ? "ps-muted" : "ps-strong"}>{name ?? "Vacant"}</span>
        <span className="ps-muted">
          <abbr title={ROLES[role]}>{role}</abbr>
          {slot?.title && ` · ${slot.title}`}
        </span>
      </span>
      {name !== null && <VerificationMark status={slot?.email_status ?? null} />}
    </li>
  );
}

function Links({ company }: { company: Company }): ReactElement | null {
  const links = [
    ["Website", webAddress(company.website_url)],
    ["LinkedIn", webAddress(company.linkedin_url)],
    ["News", webAddress(company.news_url)],
  ].filter((link): link is [string, string] => link[1] !== null);
  if (links.length === 0) return null;
  return (
    <nav className="ps-links" aria-label={`Pages of ${company.company_name}`}>
      {links.map(([label, url]) => (
        <a key={label} href={url} rel="noreferrer">
          {label}
        </a>
      ))}
    </nav>
  );
}
