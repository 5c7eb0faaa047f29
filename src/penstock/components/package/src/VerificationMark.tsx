import type { ReactElement } from "react";
import type { EmailStatus } from "./schema";

export interface VerificationMarkProps {
  /** What is known of the email; null where nobody has looked yet, which is gray. */
  status: EmailStatus | null;
}

const WORDS: Record<EmailStatus, string> = { green: "Verified", yellow: "Risky", red: "Invalid", gray: "Not verified" };

// Each status has its own shape, so that it can be told without seeing colour.
const SHAPES: Record<EmailStatus, ReactElement> = {
  green: (
    <>
      <circle cx="8" cy="8" r="7" fill="currentColor" />
      <path d="m4.8 8.3 2.2 2.2 4.3-4.8" className="ps-cut" />
    </>
  ),
  yellow: (
    <>
      <path d="M8 1.4 15.2 14.2H.8z" fill="currentColor" stroke="currentColor" strokeLinejoin="round" />
      <path d="M8 6v3.6M8 11.9v.2" className="ps-cut" />
    </>
  ),
  red: (
    <>
      <path d="M5 1h6l4 4v6l-4 4H5l-4-4V5z" fill="currentColor" />
      <path d="m5.4 5.4 5.2 5.2m0-5.2-5.2 5.2" className="ps-cut" />
    </>
  ),
  gray: (
    <>
      <circle cx="8" cy="8" r="6.4" fill="none" stroke="currentColor" strokeWidth="1.3" strokeDasharray="2.4 1.62" />
      <path d="M5.2 8h5.6" stroke="currentColor" strokeWidth="1.5" strokeLinecap="round" />
    </>
  ),
};

/** How far an email is verified: colour, shape and word. */
export function VerificationMark({ status }: VerificationMarkProps): ReactElement {
  const shown = status ?? "gray";
  return (
    <span className="ps-mark" data-status={shown}>
      <svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
        {SHAPES[shown]}
      </svg>
      {WORDS[shown]}
    </span>
  );
}
