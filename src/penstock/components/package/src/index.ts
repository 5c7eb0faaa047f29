export { CompanyCard, type CompanyCardProps } from "./CompanyCard";
export { ContactCard, type ContactCardProps } from "./ContactCard";
export { RenewalBadge, type RenewalBadgeProps } from "./RenewalBadge";
export { VerificationMark, type VerificationMarkProps } from "./VerificationMark";
export { countdown, type Countdown, type RenewalState } from "./renewal";
export * from "./schema";
