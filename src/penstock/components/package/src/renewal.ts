import type { CalendarDate, NextRenewal } from "./schema";

/** `ahead`: the window is not open yet. `past`: the row is older than the renewal; ask the view again. */
export type RenewalState = "unknown" | "ahead" | "open" | "today" | "past";

export interface Countdown {
  state: RenewalState;
  /** Days until the window opens; zero or less once it is open. Null when there is no renewal. */
  daysToWindow: number | null;
  /** Days until the renewal; negative once it is past. Null when there is no renewal. */
  daysToRenewal: number | null;
  /** How much of the window is over, 0 to 1. */
  elapsed: number;
}

const DAY_MS = 86_400_000;

/** Where a company stands between the opening of its window and its renewal, on the day `today`. */
export function countdown(renewal: NextRenewal | null, today: CalendarDate): Countdown {
  const date = renewal?.next_renewal_date;
  const opens = renewal?.campaign_window_start;
  if (!date || !opens) return { state: "unknown", daysToWindow: null, daysToRenewal: null, elapsed: 0 };
  const daysToWindow = daysBetween(today, opens);
  const daysToRenewal = daysBetween(today, date);
  return { state: state(daysToWindow, daysToRenewal), daysToWindow, daysToRenewal, elapsed: elapsed(daysToWindow, daysToRenewal) };
}

function state(daysToWindow: number, daysToRenewal: number): RenewalState {
  if (daysToRenewal < 0) return "past";
  if (daysToRenewal === 0) return "today";
  return daysToWindow > 0 ? "ahead" : "open";
}

function elapsed(daysToWindow: number, daysToRenewal: number): number {
  const length = daysToRenewal - daysToWindow;
  return length > 0 ? Math.min(1, Math.max(0, -daysToWindow / length)) : Number(daysToRenewal <= 0);
}

function daysBetween(from: CalendarDate, to: CalendarDate): number {
  return Math.round((Date.parse(to) - Date.parse(from)) / DAY_MS);
}
