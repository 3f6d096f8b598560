// The editor of a site's file, over the form's own text area: what that holds is what is checked
// and sent, and without this script people write into it.

import { closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { history, historyKeymap, indentLess, indentMore, standardKeymap } from "@codemirror/commands";
import { yaml } from "@codemirror/lang-yaml";
import { syntaxHighlighting } from "@codemirror/language";
import { nextDiagnostic, setDiagnostics } from "@codemirror/lint";
import { EditorView, keymap, lineNumbers, placeholder } from "@codemirror/view";
import { classHighlighter } from "@lezer/highlight";

import { completion } from "./completion.js";

/** Types over a selection. A browser would give what is typed an inline style, to look like what was
 * there, and the page's policy refuses that.
 */
function typeOver(event, view) {
  const { empty } = view.state.selection.main;
  if (event.inputType !== "insertText" || view.composing || empty) return false;
  const typed = view.state.replaceSelection(event.data);
  view.dispatch(typed, { userEvent: "input.type", scrollIntoView: true });
  return true;
}

/** Marks the lines that the sentences below the text are about. */
function mark(view, sentences) {
  const { doc } = view.state;
  const marks = [...sentences.querySelectorAll("[data-line]")].flatMap((item) => {
    const number = Number(item.dataset.line);
    if (number > doc.lines) return [];
    const line = doc.line(number);
    const from = line.from + Math.max(line.text.search(/\S/), 0);
    const severity = item.closest(".mild") ? "warning" : "error";
    return [{ from, to: line.to, severity, message: item.lastChild.textContent.trim() }];
  });
  view.dispatch(setDiagnostics(view.state, marks));
}

function edit(area, schema, nonce) {
  const [label] = area.labels;
  const sentences = document.getElementById(area.getAttribute("aria-describedby"));
  const view = new EditorView({
    doc: area.value,
    extensions: [
      EditorView.cspNonce.of(nonce),
      lineNumbers(),
      history(),
      yaml(),
      syntaxHighlighting(classHighlighter),
      closeBrackets(),
      completion(schema),
      placeholder(area.placeholder),
      EditorView.domEventHandlers({ beforeinput: typeOver }),
      keymap.of([
        ...closeBracketsKeymap,
        ...completionKeymap,
        ...standardKeymap,
        ...historyKeymap,
        // Tab leads on, as it does in every form.
        { key: "Mod-[", run: indentLess },
        { key: "Mod-]", run: indentMore },
        { key: "F8", run: nextDiagnostic },
      ]),
      EditorView.contentAttributes.of({
        tabindex: "0", // for programs that don't know that what is editable has the focus
        "aria-label": label.textContent.replace(/\s+/g, " ").trim(),
        "aria-describedby": sentences.id,
      }),
      EditorView.updateListener.of((update) => {
        if (!update.docChanged) return;
        area.value = update.state.doc.toString();
        area.dispatchEvent(new Event("input", { bubbles: true }));
      }),
    ],
  });
  area.hidden = true;
  area.after(view.dom);
  label.addEventListener("click", () => view.focus());
  new MutationObserver(() => mark(view, sentences)).observe(sentences, { childList: true });
  mark(view, sentences);
}

const schema = fetch("/static/site.schema.json").then((answer) => answer.json());
edit(document.getElementById("text"), schema, document.currentScript.nonce);
