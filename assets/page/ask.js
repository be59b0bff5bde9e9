// How a part of the page speaks with the server, and in which words it speaks with the person.

import { filled } from "./words.js";

/** An error with a card: what happened, what it means, what to do. */
export class Card extends Error {
  constructor(card) {
    super(card.text);
    Object.assign(this, card, { name: "Card" });
  }
}

/** The server did not answer: it is stopped, or the machine sleeps. Nothing is known of the wish. */
export class Unreachable extends Error {
  name = "Unreachable";
}

/** What a widget gets beside its element: `ask`, `say`, `upload`, `language`. */
export function connect(server, upload, props) {
  return {
    ask: (action, given = {}) => ask(server[`ask_${action}`], action, given),
    say: (key, facts = {}) => say(props.words, key, facts),
    upload,
    language: props.language,
  };
}

async function ask(call, action, given) {
  if (!call) throw new Error(`This part of the page has no action "${action}".`);
  let answer;
  try {
    answer = await call(given);
  } catch (error) {
    throw new Unreachable(String(error));
  }
  if (answer === null || typeof answer !== "object") throw new Unreachable("no answer");
  if (answer.card) throw new Card(answer.card);
  return answer.result;
}

/** The sentence of `key` with `{name}` filled in; the key itself where there is none. */
function say(words, key, facts) {
  return filled(words[key] ?? key, facts);
}
