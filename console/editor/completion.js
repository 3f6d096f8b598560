// What can be written at a place of a site's file, told by the JSON Schema of its fields.
//
// Places are read from lines and not from the syntax tree, which has no fields for a line that
// somebody has only begun.

import {
  autocompletion, insertBracket, pickedCompletion, startCompletion,
} from "@codemirror/autocomplete";

const FIELD = /^(\s*)(\w+):(.*)$/;

/** Completion by a schema that may still be on its way. */
export function completion(schema) {
  const offer = async (context) => offered(await schema, context);
  const inOrderOfSchema = () => 0;
  return autocompletion({
    override: [offer], icons: false, compareCompletions: inOrderOfSchema,
  });
}

function offered(schema, context) {
  const place = placeAt(context.state.doc, context.pos);
  const at = place && fieldAt(schema, place.path);
  if (!at || (place.inBlock && !place.typed && !context.explicit)) return null;
  const options = place.isValue ? valuesOf(at) : fieldsOf(schema, at, place.others);
  // What stands there already isn't offered: Enter then ends the line.
  const isPart = (text) => /^\w*$/.test(text) && !options.some((one) => one.label === text);
  if (!isPart(place.typed)) return null;
  return { from: context.pos - place.typed.length, options, validFor: isPart };
}

/** The fields around a position, from the outermost, and what is typed there; null where neither a
 * field nor a plain value begins. */
function placeAt(doc, pos) {
  const line = doc.lineAt(pos);
  const before = line.text.slice(0, pos - line.from);
  let [, indent, rest] = /^(\s*)(.*)$/.exec(before);
  const { path, others } = around(doc, line.number, indent.length);
  if (!path) return null;
  const flow = /^(\w+):\s*\{([^{}]*)$/.exec(rest);
  if (flow) {
    path.push(flow[1]);
    const all = flow[2] + line.text.slice(before.length).split("}")[0];
    others.splice(0, others.length, ...[...all.matchAll(/(\w+):/g)].map((found) => found[1]));
    rest = flow[2].split(",").at(-1).trimStart();
  }
  const [found, name, typed] = /^(?:(\w+):\s+)?(\w*)$/.exec(rest) ?? [];
  if (found === undefined) return null;
  if (name) path.push(name);
  return { path, others, typed, isValue: Boolean(name), inBlock: !flow && !name };
}

/** The fields that a line is below, without those of braces, and those beside it. */
function around(doc, number, indent) {
  const others = [];
  const path = [];
  let above = indent;
  for (let at = number - 1; at > 0 && path; at--) {
    const text = doc.line(at).text;
    const depth = text.search(/\S/);
    if (depth < 0 || text[depth] === "#" || depth > above) continue;
    const [, , name, value] = FIELD.exec(text) ?? [];
    if (depth === indent && above === indent) {
      if (name) others.push(name);
    } else if (depth < above) {
      if (!name || value.trim()) return {};
      path.unshift(name);
      above = depth;
    }
  }
  for (let at = number + 1; at <= doc.lines; at++) {
    const text = doc.line(at).text;
    const depth = text.search(/\S/);
    if (depth >= 0 && depth < indent) break;
    if (depth === indent) others.push(...(FIELD.exec(text)?.slice(2, 3) ?? []));
  }
  return above === 0 ? { path, others } : {};
}

function fieldAt(schema, path) {
  return path.reduce((field, name) => resolved(schema, field?.properties?.[name]), schema);
}

function resolved(schema, field) {
  return field?.$ref ? schema.$defs[field.$ref.split("/").at(-1)] : field;
}

/** The fields that are not there yet. Of those of which only one may be there, none if one is. */
function fieldsOf(schema, at, others) {
  const kinds = (at.oneOf ?? []).map((one) => one.required[0]);
  const closed = kinds.some((name) => others.includes(name)) ? kinds : [];
  return Object.entries(at.properties ?? {})
    .filter(([name]) => !others.includes(name) && !closed.includes(name))
    .map(([name, field]) => {
      const opens = { array: "[", object: "{" }[resolved(schema, field).type];
      return { label: name, info: field.description.replaceAll("`", ""), apply: choose, opens };
    });
}

function valuesOf(at) {
  const values = at.enum ?? (at.type === "boolean" ? ["true", "false"] : []);
  return values.map((label) => ({ label }));
}

/** Writes a field, and asks what can stand in it. */
function choose(view, option, from, to) {
  const insert = `${option.label}: `;
  view.dispatch({
    changes: { from, to, insert },
    selection: { anchor: from + insert.length },
    annotations: pickedCompletion.of(option),
    userEvent: "input.complete",
  });
  const bracket = option.opens && insertBracket(view.state, option.opens);
  if (bracket) view.dispatch(bracket);
  startCompletion(view);
}
