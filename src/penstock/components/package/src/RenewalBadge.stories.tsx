import "./styles.css";
import type { Meta, StoryObj } from "./csf";
import { renewal, today } from "./examples";
import { RenewalBadge } from "./RenewalBadge";

const meta = { title: "RenewalBadge", component: RenewalBadge, args: { renewal, today } } satisfies Meta<typeof RenewalBadge>;

export default meta;
export const __namedExportsOrder = ["Ahead", "OpensTomorrow", "Open", "LastDay", "RenewsToday", "Past", "NoRenewalMonth"];

type Story = StoryObj<typeof RenewalBadge>;

export const Ahead: Story = { args: { today: "2026-08-25" } };
export const OpensTomorrow: Story = { args: { today: "2026-10-03" } };
export const Open: Story = {};
export const LastDay: Story = { args: { today: "2027-01-31" } };
export const RenewsToday: Story = { args: { today: "2027-02-01" } };
export const Past: Story = { args: { today: "2027-02-11" } };
export const NoRenewalMonth: Story = { args: { renewal: null } };
