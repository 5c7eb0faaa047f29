import "./styles.css";
import { CompanyCard } from "./CompanyCard";
import type { Meta, StoryObj } from "./csf";
import { company, newCompany, renewal, signals, slots, today, vacantSlots } from "./examples";

const meta = { title: "CompanyCard", component: CompanyCard, args: { company, slots, renewal, today } } satisfies Meta<typeof CompanyCard>;

export default meta;
export const __namedExportsOrder = ["WindowOpen", "WindowAhead", "VacantSlots", "NoRows"];

type Story = StoryObj<typeof CompanyCard>;

export const WindowOpen: Story = { args: { signals } };

export const WindowAhead: Story = { args: { today: "2026-08-25" } };

export const VacantSlots: Story = { args: { company: newCompany, slots: vacantSlots, renewal: null } };

/** Even without rows the three slots are there. */
export const NoRows: Story = { args: { company: newCompany, slots: [], renewal: null } };
