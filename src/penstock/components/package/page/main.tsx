import { StrictMode, type ComponentType, type ReactElement } from "react";
import { createRoot } from "react-dom/client";
import "./page.css";

interface Story {
  name?: string;
  args?: Record<string, unknown>;
}

interface StoryFile {
  default: { title: string; component: ComponentType<Record<string, unknown>>; args?: Record<string, unknown> };
  /** A module's exports come sorted by name; this is the order to show them in. */
  __namedExportsOrder: string[];
  [story: string]: unknown;
}

const files = import.meta.glob<StoryFile>("../src/*.stories.tsx", { eager: true });

/** `LastDay` as people read it: `Last day`. */
function spoken(name: string): string {
  const words = name.replace(/([a-z])([A-Z])/g, "$1 $2").toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function Page(): ReactElement {
  return (
    <>
      <h1>Penstock components</h1>
      {Object.values(files).map(({ default: meta, __namedExportsOrder: order, ...stories }) => (
        <section key={meta.title} aria-label={meta.title}>
          <h2>{meta.title}</h2>
          <div className="shelf">
            {order.map((key) => [key, stories[key] as Story] as const).map(([key, story]) => (
              <figure key={key} data-story={`${meta.title}/${key}`}>
                <figcaption>{story.name ?? spoken(key)}</figcaption>
                <meta.component {...meta.args} {...story.args} />
              </figure>
            ))}
          </div>
        </section>
      ))}
    </>
  );
}

// ?scheme=dark or ?scheme=light; without it the page follows the system.
const scheme = new URLSearchParams(location.search).get("scheme");
if (scheme === "dark" || scheme === "light") document.documentElement.style.colorScheme = scheme;

createRoot(document.getElementById("stories")!).render(
  <StrictMode>
    <Page />
  </StrictMode>,
);
