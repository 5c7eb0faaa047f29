import type { ReactElement, ReactNode } from "react";
import type { Contact, ContactVerification, Sealed } from "./schema";
import { dayText, initials, webAddress } from "./text";
import { VerificationMark } from "./VerificationMark";

export interface ContactCardProps {
  /** A row of `people.contact`. */
  contact: Contact;
  /** Its row of `people.contact_verification`; null when it has none. */
  verification: ContactVerification | null;
  /** What your server opened for this viewer. Sealed values are never shown; without this the card says that they are there. */
  opened?: { email?: string; phone?: string };
}

/** A person: name, title, how to reach them as far as the viewer may know, and how far the email is verified. */
export function ContactCard({ contact, verification, opened = {} }: ContactCardProps): ReactElement {
  const name = contact.full_name ?? "Name unknown";
  const profile = webAddress(contact.profile_source_url);
  return (
    <article className="ps-card ps-contact" aria-label={name}>
      <header className="ps-head">
        <span className="ps-avatar" aria-hidden="true">
          {initials(contact.full_name ?? "")}
        </span>
        <div className="ps-who">
          <h3 className="ps-name">{name}</h3>
          {contact.title && <p className="ps-muted">{contact.title}</p>}
        </div>
      </header>
      <dl className="ps-facts">
        <Fact name="Email">{reach(contact.email, opened.email, "mailto:")}</Fact>
        <Fact name="Status">
          <VerificationMark status={verification?.email_status ?? null} />
          {verification && <Checked verification={verification} />}
        </Fact>
        <Fact name="Phone">{reach(contact.phone, opened.phone, "tel:")}</Fact>
        {profile && (
          <Fact name="Profile">
            <a href={profile} rel="noreferrer">
              {new URL(profile).hostname}
            </a>
          </Fact>
        )}
      </dl>
    </article>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }): ReactElement {
  return (
    <div className="ps-fact">
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Checked({ verification }: { verification: ContactVerification }): ReactElement {
  const { email_confidence: confidence, email_checked_at: at } = verification;
  return (
    <>
      {confidence !== null && <span className="ps-muted">{Math.round(confidence)}% confidence</span>}
      {at !== null && (
        <time className="ps-muted" dateTime={at}>
          {dayText(at)}
        </time>
      )}
    </>
  );
}

function reach(sealed: Sealed | null, plain: string | undefined, scheme: "mailto:" | "tel:"): ReactElement {
  if (plain) return <a href={scheme + plain}>{plain}</a>;
  return <span className="ps-muted">{sealed === null ? "None" : "On file, sealed"}</span>;
}
