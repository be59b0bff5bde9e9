// One question at a time: what was answered late must not be taken for new.

/**
 * `work`, never begun while it is going on: whoever calls meanwhile gets what one more turn after
 * it gives.
 */
export function inTurn(work) {
  let going = null;
  let next = null;
  const begin = () => {
    going = work().finally(() => { going = null; });
    return going;
  };
  const after = () => {
    next = null;
    return begin();
  };
  return () => {
    if (!going) return begin();
    next ??= going.then(after, after);
    return next;
  };
}
