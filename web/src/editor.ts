/** The editor of one answer: CodeMirror, told what the page says to it and how it reads aloud. */

import { closeBrackets, closeBracketsKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab, isolateHistory } from "@codemirror/commands";
import { python } from "@codemirror/lang-python";
import { bracketMatching, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { Annotation, Compartment, EditorState } from "@codemirror/state";
import { EditorView, keymap, lineNumbers } from "@codemirror/view";
import { classHighlighter } from "@lezer/highlight";

export interface Options {
  text: string;
  /** What a screen reader calls it. */
  label: string;
  /** The id of the line that says which keys do what. */
  describedBy: string;
  changed: (text: string) => void;
  /** Done for Ctrl or Command with Enter. */
  submit: () => void;
}

const FOREIGN = Annotation.define<boolean>();

export class Editor {
  private readonly view: EditorView;
  private readonly writable = new Compartment();

  constructor(parent: HTMLElement, { text, label, describedBy, changed, submit }: Options) {
    const check = (): boolean => {
      submit();
      return true;
    };
    // The book has keys of its own: a slash would go to the search.
    parent.addEventListener("keydown", (event) => event.stopPropagation());
    this.view = new EditorView({
      parent,
      doc: text,
      extensions: [
        lineNumbers(),
        history(),
        indentOnInput(),
        bracketMatching(),
        closeBrackets(),
        python(),
        indentUnit.of("    "),
        EditorState.tabSize.of(4),
        EditorView.lineWrapping,
        syntaxHighlighting(classHighlighter),
        keymap.of([
          { key: "Mod-Enter", run: check },
          { key: "Ctrl-Enter", run: check }, // on a Mac as well: the page says so
          ...closeBracketsKeymap,
          ...defaultKeymap,
          ...historyKeymap,
          indentWithTab,
        ]),
        EditorView.contentAttributes.of({ "aria-label": label, "aria-describedby": describedBy }),
        this.writable.of([]),
        EditorView.updateListener.of((update) => {
          const typed = update.transactions.some((one) => one.docChanged && !one.annotation(FOREIGN));
          if (typed) changed(this.text);
        }),
      ],
    });
  }

  get text(): string {
    return this.view.state.doc.toString();
  }

  get hasFocus(): boolean {
    return this.view.hasFocus;
  }

  /** Put a text in place of what is there; undo brings that back. */
  put(text: string): void {
    if (this.view.state.readOnly) return;
    const changes = { from: 0, to: this.view.state.doc.length, insert: text };
    this.view.dispatch({ changes, annotations: isolateHistory.of("full") });
  }

  /** Show what another tab wrote. */
  follow(text: string): void {
    if (text === this.text) return;
    const changes = { from: 0, to: this.view.state.doc.length, insert: text };
    this.view.dispatch({ changes, annotations: [FOREIGN.of(true), isolateHistory.of("full")] });
  }

  /** Let nothing change it any more. */
  fix(): void {
    const fixed = [EditorState.readOnly.of(true), EditorView.editable.of(true)];
    this.view.dispatch({ effects: this.writable.reconfigure(fixed) });
  }

  focus(): void {
    this.view.focus();
  }
}
