import "./styles.css";
import type { Meta, StoryObj } from "./csf";
import { VerificationMark } from "./VerificationMark";

const meta = { title: "VerificationMark", component: VerificationMark } satisfies Meta<typeof VerificationMark>;

export default meta;
export const __namedExportsOrder = ["Green", "Yellow", "Red", "Gray", "NoRecord"];

type Story = StoryObj<typeof VerificationMark>;

export const Green: Story = { args: { status: "green" } };
export const Yellow: Story = { args: { status: "yellow" } };
export const Red: Story = { args: { status: "red" } };
export const Gray: Story = { args: { status: "gray" } };
export const NoRecord: Story = { args: { status: null } };
