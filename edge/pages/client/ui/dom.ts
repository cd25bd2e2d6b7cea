/** The element with `data-part=name` inside `root`. Throws if the page lacks it: page and script are of one build. */
export function part(name: string, root: ParentNode = document): HTMLElement {
  return partOf(HTMLElement, name, root);
}

/** The same, for an element of a certain kind. */
export function partOf<T extends HTMLElement>(kind: new () => T, name: string, root: ParentNode = document): T {
  const element = root.querySelector(`[data-part="${name}"]`);
  if (!(element instanceof kind)) throw new Error(`The page has no ${kind.name} "${name}".`);
  return element;
}

/** A fresh copy of the one element inside `<template id="template-NAME">`. */
export function cloneTemplate(name: string): HTMLElement {
  const template = document.querySelector<HTMLTemplateElement>(`#template-${name}`);
  const element = template?.content.firstElementChild?.cloneNode(true);
  if (!(element instanceof HTMLElement)) throw new Error(`The page has no template "${name}".`);
  return element;
}

/** Calls `handler` when anything with `data-action=name` inside `root` is clicked, now or later. */
export function onAction(root: HTMLElement | Document, name: string, handler: (target: HTMLElement) => void): void {
  root.addEventListener("click", (event) => {
    const origin = event.target instanceof Element ? event.target : null;
    const target = origin?.closest<HTMLElement>(`[data-action="${name}"]`);
    if (target !== null && target !== undefined) handler(target);
  });
}
