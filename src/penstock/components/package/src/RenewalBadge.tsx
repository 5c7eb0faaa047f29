import type { ReactElement } from "react";
import { countdown, type Countdown } from "./renewal";
import type { CalendarDate, NextRenewal } from "./schema";
import { dayText, daysText } from "./text";

export interface RenewalBadgeProps {
  /** The company's row of `company.vw_next_renewal`; null when it has none. */
  renewal: NextRenewal | null;
  /** Today in the tenant's time zone, `2026-11-30`. Given, never read from the clock of the browser. */
  today: CalendarDate;
}

/** Days until the window opens, or that it is open and how many days remain until the renewal. */
export function RenewalBadge({ renewal, today }: RenewalBadgeProps): ReactElement {
  const count = countdown(renewal, today);
  const [headline, detail] = words(count);
  return (
    <span className="ps-badge" data-state={count.state}>
      <Ring elapsed={count.elapsed} />
      <span className="ps-words">
        <span className="ps-strong">{headline}</span>
        {detail && <span>{detail}</span>}
        {renewal?.next_renewal_date && (
          <time className="ps-muted" dateTime={renewal.next_renewal_date}>
            {dayText(renewal.next_renewal_date)}
          </time>
        )}
      </span>
    </span>
  );
}

function words({ state, daysToWindow, daysToRenewal }: Countdown): [headline: string, detail?: string] {
  switch (state) {
    case "unknown":
      return ["No renewal month"];
    case "ahead":
      return [`Opens in ${daysText(daysToWindow ?? 0)}`, `${daysText(daysToRenewal ?? 0)} to renewal`];
    case "open":
      return ["Window open", `${daysText(daysToRenewal ?? 0)} to renewal`];
    case "today":
      return ["Renews today"];
    case "past":
      return [`Renewed ${daysText(-(daysToRenewal ?? 0))} ago`];
  }
}

/** A ring that fills as the window passes. */
function Ring({ elapsed }: { elapsed: number }): ReactElement {
  return (
    <svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true" className="ps-ring">
      <circle cx="8" cy="8" r="6" pathLength="1" />
      {elapsed > 0 && <circle cx="8" cy="8" r="6" pathLength="1" strokeDasharray={`${elapsed.toFixed(3)} 1`} />}
    </svg>
  );
}
