// What Python and the page tell each other. Types only: this module has no code.

/**
 * @typedef {{index: number, count: number, previous: string|null, next: string|null}} Versions
 * @typedef {{text: string, tokens: number|null, seconds: number|null, is_open: boolean}} Reasoning
 * @typedef {{id: string, name: string, arguments: Object, has_result: boolean, problems: string[]}} ToolCall
 * @typedef {{label: string, seconds: number}} Span
 * @typedef {{model: string, figures: string, seed: number|null, has_tokens: boolean, timeline: Span[], dropped: number, problems: string[]}} Answer
 * @typedef {{id: string, role: string, content: string, name: string, tool_call_id: string, reasoning: Reasoning|null, tool_calls: ToolCall[],
 *   versions: Versions, group: Message[], prefill: number, answer: Answer|null, note: string, failed: boolean}} Message
 * @typedef {{id: string, title: string, when: string, messages: number, snippet: string}} Summary
 * @typedef {{label: string, address: string}} Link
 * @typedef {{tone: string, text: string, hint: string, actions: {label: string, action: Object}[], link: Link|null}} Notice
 * @typedef {{used: number, answer: number, limit: number|null, source: string, tone: string, text: string}} Gauge
 * @typedef {{seen: number, live: Object|null, is_over: boolean}} Growth
 * @typedef {{revision: number, page: string, conversations: Summary[], search: string, more: boolean,
 *   conversation: {id: string|null, title: string, messages: Message[]}, running: string[],
 *   empty: {title: string, text: string, link: Link|null, examples: string[]}, notice: Notice|null, gauge: Gauge|null,
 *   can: {send: boolean, tools: boolean, prefill: boolean}, roles: string[]}} Snapshot
 * @typedef {{id: string, content: string, reasoning: string|null, reasoning_is_open: boolean, note: string}} LiveAnswer
 * @typedef {{revision: number, conversation: string|null, answers: LiveAnswer[]}} Live
 * @typedef {{id: number, text: string, special: boolean, seconds: number, log_probability: number|null, alternatives: [string, number][]}} Token
 */

/**
 * What every part of the view is given.
 * @typedef {Object} Chat
 * @property {HTMLElement} root
 * @property {Snapshot} snapshot the newest one
 * @property {(action: Object) => void} submit an action that makes an answer
 * @property {(action: Object) => void} edit an action that changes the conversation
 * @property {(action: Object) => void} look an action that only asks
 * @property {() => void} stop
 * @property {(text: string, tone?: string) => void} toast
 * @property {AbortSignal} leaving the view is taken away
 * @property {() => boolean} isRunning
 * @property {boolean} isNaming the new conversation is about to get its id, and stays the same
 * @property {import("./tokens.js").TokenShelf} tokens
 * @property {import("./writing.js").Handed} handed what was handed over, and comes back when it is refused
 * @property {() => void} focusComposer not with fingers: a keyboard would cover the screen
 */

export {};
