import type { ComponentProps, JSXElementConstructor } from "react";

// Component Story Format 3, as far as the stories here use it. Storybook, Ladle and Histoire read them as they are.

type Component = JSXElementConstructor<any>;

/** The default export of a stories file. */
export interface Meta<C extends Component> {
  title: string;
  component: C;
  args?: Partial<ComponentProps<C>>;
}

/** One named export of a stories file. */
export interface StoryObj<C extends Component> {
  name?: string;
  args?: Partial<ComponentProps<C>>;
}
