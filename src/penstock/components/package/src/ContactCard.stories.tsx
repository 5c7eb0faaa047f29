import "./styles.css";
import { ContactCard } from "./ContactCard";
import type { Meta, StoryObj } from "./csf";
import { contact, verification } from "./examples";

const meta = { title: "ContactCard", component: ContactCard, args: { contact, verification } } satisfies Meta<typeof ContactCard>;

export default meta;
export const __namedExportsOrder = ["Sealed", "Opened", "Risky", "Invalid", "LittleKnown"];

type Story = StoryObj<typeof ContactCard>;

/** What a viewer sees who may not read contact points. */
export const Sealed: Story = {};

/** What a viewer sees for whom the server opened them. */
export const Opened: Story = { args: { opened: { email: "ruben@brightwater-millworks.example", phone: "+14235550142" } } };

export const Risky: Story = { args: { verification: { ...verification, email_status: "yellow", email_confidence: 58 } } };

export const Invalid: Story = { args: { verification: { ...verification, email_status: "red", email_confidence: 4 } } };

/** Only a name, and a profile address that no browser may follow. */
export const LittleKnown: Story = {
  args: {
    contact: { ...contact, title: null, email: null, phone: null, profile_source_url: "javascript:alert(1)" },
    verification: null,
  },
};
