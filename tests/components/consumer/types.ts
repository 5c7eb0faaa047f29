// What the package's types refuse. Each line below would compile if the types were looser.
import type { CompanySlot, Contact, RoleCode } from "@penstock/components";
import { contact, slots } from "@penstock/components/examples";

// @ts-expect-error -- a plain string is no sealed value
export const plain: Contact = { ...contact, email: "ada@home.example" };

// @ts-expect-error -- there is no fourth slot
export const role: RoleCode = "COO";

// @ts-expect-error -- a slot may be vacant
export const name: string = (slots[0] as CompanySlot).full_name;
