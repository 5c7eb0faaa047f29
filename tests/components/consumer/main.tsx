// An application that uses the packed package, beside the stories; what the browser shows is written down in #report.
import { CompanyCard, countdown } from "@penstock/components";
import { company, renewal, slots, today } from "@penstock/components/examples";
import "@penstock/components/styles.css";
import { createRoot } from "react-dom/client";
import "./package/page/main";

interface Text {
  text: string;
  ratio: number;
}

createRoot(document.getElementById("packed")!).render(
  <CompanyCard company={company} slots={slots} renewal={renewal} today={today} />,
);
setTimeout(report, 200);

function report(): void {
  const script = document.createElement("script");
  script.id = "report";
  script.type = "application/json";
  script.textContent = JSON.stringify({
    packed: document.getElementById("packed")!.innerText,
    countdowns: ["2026-10-03", "2026-10-04", "2027-01-31", "2027-02-01", "2027-02-02"].map((day) => countdown(renewal, day)),
    stories: Object.fromEntries([...document.querySelectorAll<HTMLElement>("[data-story]")].map((figure) => [figure.dataset.story, story(figure)])),
    contrast: { light: texts("light"), dark: texts("dark") },
  }).replaceAll("<", "\\u003c");
  document.body.append(script);
}

function story(figure: HTMLElement): object {
  const all = <T,>(selector: string, read: (element: HTMLElement) => T): T[] => [...figure.querySelectorAll<HTMLElement>(selector)].map(read);
  return {
    text: figure.innerText,
    links: all("a", (link) => link.getAttribute("href")),
    marks: all(".ps-mark", (mark) => ({
      status: mark.dataset.status,
      text: mark.innerText.trim(),
      shape: mark.querySelector("svg")?.innerHTML,
      colour: getComputedStyle(mark).color,
    })),
    badges: all(".ps-badge", (badge) => badge.dataset.state),
    slots: all(".ps-slot", (slot) => ({ role: slot.dataset.role, vacant: slot.dataset.vacant, text: slot.innerText })),
  };
}

/** Every piece of text with its contrast against what is behind it (WCAG 2.2, 1.4.3). */
function texts(scheme: string): Text[] {
  document.documentElement.style.colorScheme = scheme;
  const found: Text[] = [];
  for (const element of document.querySelectorAll<HTMLElement>("body *")) {
    const own = [...element.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE && node.textContent?.trim());
    if (own.length === 0 || element.closest("script")) continue;
    const [front, back] = [luminance(channels(getComputedStyle(element).color)), luminance(background(element))];
    found.push({ text: element.innerText, ratio: (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05) });
  }
  return found;
}

function background(element: HTMLElement): number[] {
  for (let at: HTMLElement | null = element; at; at = at.parentElement) {
    const colour = channels(getComputedStyle(at).backgroundColor);
    if (colour[3] !== 0) return colour;
  }
  throw new Error("nothing is behind the text");
}

function channels(colour: string): number[] {
  return colour.match(/[\d.]+/g)!.map(Number);
}

function luminance([red = 0, green = 0, blue = 0]: number[]): number {
  const [r = 0, g = 0, b = 0] = [red, green, blue].map((value) => {
    const part = value / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
