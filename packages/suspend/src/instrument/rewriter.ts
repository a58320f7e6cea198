import { findLive } from '../analysis/liveness.ts';
import { type CountdownRegions, findRegions, noRegions } from '../analysis/regions.ts';
import { findSites, OperandMap, type Site } from '../analysis/sites.ts';
import { op } from '../module/opcodes.ts';
import { valueType } from '../module/value-type.ts';
import { ByteWriter } from '../module/writer.ts';
import { type CaptureShape, handledSites } from './capture-shape.ts';
import { identifyCaught, throwCaughtAgain } from './caught-code.ts';
import type { RewriteContext } from './context.ts';
import { Countdown, entryWeight, loopWeight } from './countdown.ts';
import { FrameLocals } from './frame-locals.ts';
import { callSignature, isDirectCall, pushedTypes } from './instruction-types.ts';
import { writeBlockType, writeLandingPad } from './landing-pad.ts';
import { frameSlots, port, type Slot, slotKey } from './layout.ts';
import { OpenLabels } from './open-labels.ts';
import { pathTo } from './resume-path.ts';
import { bankable, bankValues, type SaveTarget, saveValues } from './save-code.ts';

/** Where a resumed function gets its values from and how it goes on inwards. */
export interface Resumption {
  /** No polls and no capture in the resumed code: for exported modules. */
  readonly plain: boolean;
  /** Writes code that leaves the frame's next value. */
  value(out: ByteWriter, type: number): void;
  /** Writes code that runs the inner frame and leaves the results of the call at the site, or throws. */
  inner(out: ByteWriter, results: Uint8Array): void;
}

/** Rewrites one decoded function at a time. The shape of what it writes is explained in docs/suspend.md. */
export class Rewriter {
  readonly context: RewriteContext;
  readonly map: OperandMap = new OperandMap();
  readonly out: ByteWriter = new ByteWriter(1 << 16);
  #regions: CountdownRegions = noRegions;
  #handled: ReadonlySet<Site> = new Set();
  readonly #locals: FrameLocals;
  readonly #countdown: Countdown;
  #site = -1;
  readonly #open = new OpenLabels();
  #copied = 0;
  /** A continuation that starts at a poll must not poll again before it has moved. */
  #skipPollAt = -1;

  constructor(context: RewriteContext) {
    this.context = context;
    this.#locals = new FrameLocals(context.code);
    this.#countdown = new Countdown(context, this.out, this.#locals);
  }

  get #save(): SaveTarget {
    return { out: this.out, context: this.context, locals: this.#locals };
  }

  get #code(): RewriteContext['code'] {
    return this.context.code;
  }

  /** Decodes and analyses a function; returns whether it has sites. */
  analyse(index: number): boolean {
    const code = this.#code.decode(index);
    findSites(code, this.context.graph, this.map);
    findLive(code, this.map);
    this.#regions = findRegions(code);
    this.#handled = handledSites(code, this.map.sites);
    this.#locals.reset();
    this.#countdown.reset();
    this.#site = -1;
    this.#open.reset();
    this.#skipPollAt = -1;
    this.out.clear();
    return this.map.sites.length > 0;
  }

  /** The body of the analysed function with polls and capture, local declarations included. */
  instrument(): ByteWriter {
    const { out } = this;
    const code = this.#code;
    this.#enter();
    const entry = this.map.sites[0];
    if (entry?.kind === 'entry') this.#countdown.pollGlobal(entryWeight(code.count), () => this.#pollCall(entry));
    this.#run(0);
    this.#leave();
    return this.#locals.body(code.params, out);
  }

  /**
   * The body of a function without parameters that goes on from `site` and returns what the function returns.
   * `remake`: the site's call is made again with the arguments in the frame; otherwise the inner frame is to run.
   */
  resume(site: Site, remake: boolean, resumption: Resumption): ByteWriter {
    const { out } = this;
    const code = this.#code;
    const i = site.instruction;
    const slots = this.slots(site);
    if (resumption.plain) this.#forgetSites();
    for (const slot of slots) {
      resumption.value(out, slot.type);
      out.u8(op.localSet).u32(this.#locals.of(slot));
    }
    if (this.#regions.any) this.#countdown.load();
    this.#enter();
    const path = pathTo(code, this.map, i);
    let height = 0;
    const pushOperands = (to: number): void => {
      for (; height < to; height++) out.u8(op.localGet).u32(this.#locals.temp(height, site.operands[height]!));
    };
    for (const { opener, arm, base } of path) {
      pushOperands(base);
      this.#openResumed(opener, arm);
    }
    if (site.kind === 'call' && !remake) {
      // What of `operands` are arguments is gone: the call has been made.
      pushOperands(
        site.withArguments
          ? site.operands.length - callSignature(code, i).params.length - (isDirectCall(code, i) ? 0 : 1)
          : site.operands.length,
      );
      resumption.inner(out, callSignature(this.#code, i).results);
      this.#copied = code.pos[i + 1]!;
      if (code.code[i] === op.returnCall || code.code[i] === op.returnCallIndirect) out.u8(op.return);
      else if (this.map.kept[i]) this.#keep(i);
      this.#run(i + 1);
    } else {
      pushOperands(site.operands.length);
      if (site.kind === 'loop' && !resumption.plain) this.#skipPollAt = i;
      this.#run(Math.max(i, 0));
    }
    this.#leave();
    return this.#locals.body(0, out);
  }

  /** From here on code is copied as it is: no polls, no capture. */
  #forgetSites(): void {
    const { count } = this.#code;
    this.map.siteAt.fill(-1, 0, count);
    this.map.kept.fill(0, 0, count);
    this.map.sites = [];
    this.#handled = new Set();
    this.#regions = noRegions;
  }

  // --- the function's frame

  #enter(): void {
    const { out, context } = this;
    const code = this.#code;
    this.#copied = code.start;
    if (this.#handled.size === 0) return;
    this.#site = this.#locals.create(valueType.i32);
    const { results } = code.signature(code.index);
    if (context.form === 'legacy') {
      out.u8(op.try);
      this.#blockType([], results);
    } else {
      out.put(op.block, 0x40, op.tryTable);
      this.#blockType([], results);
      out.put(1, 0x00).u32(context.added.tag).u8(0);
    }
  }

  #leave(): void {
    const { out, context } = this;
    const { tag } = context.added;
    const settles = this.#regions.any && this.#regions.settle[this.#code.count - 1] === 1;
    if (this.#handled.size === 0) {
      if (settles) this.#countdown.settle();
      out.u8(op.end);
    } else if (context.form === 'legacy') {
      out.u8(op.catch).u32(tag);
      this.#handlerSave();
      out.put(op.rethrow, 0, op.end);
      if (settles) this.#countdown.settle();
      out.u8(op.end);
    } else {
      out.u8(op.end);
      if (settles) this.#countdown.settle();
      out.put(op.return, op.end);
      this.#handlerSave();
      out.u8(op.throw).u32(tag).u8(op.end);
    }
  }

  /** Nothing if a pad has saved the frame already, which has then cleared the site local. */
  #handlerSave(): void {
    const { out } = this;
    const mixed = this.#handled.size < this.map.sites.length;
    if (mixed) out.u8(op.localGet).u32(this.#site).put(op.if, 0x40);
    saveValues(this.#save, this.unionSlots(), { local: this.#site });
    if (mixed) out.u8(op.end);
  }

  #clearSite(): void {
    if (this.#site >= 0) this.out.put(op.i32Const, 0, op.localSet).u32(this.#site);
  }

  /** The values of a frame at a site, in the order of their saving where each site saves its own. */
  slots(site: Site): Slot[] {
    return frameSlots(site, this.#code.localTypes, site.caught.length > 0 ? this.#locals.caughtTypes : []);
  }

  shape(site: Site): CaptureShape {
    return this.#handled.has(site) ? 'handler' : 'pad';
  }

  /** Values that any of the handler's sites needs, in the order in which it saves them. */
  unionSlots(): Slot[] {
    const found = new Map<number, Slot>();
    for (const site of this.#handled) for (const slot of this.slots(site)) found.set(slotKey(slot), slot);
    return [...found.entries()].sort(([x], [y]) => x - y).map(([, slot]) => slot);
  }

  #blockType(params: ArrayLike<number>, results: ArrayLike<number>): void {
    writeBlockType(this.out, this.context.types, params, results);
  }

  // --- the instructions

  #flush(to: number): void {
    this.out.copy(this.context.module.bytes, this.#copied, to);
    this.#copied = to;
  }

  #run(from: number): void {
    const { out, map, context } = this;
    const code = this.#code;
    const { a, b, pos } = code;
    const { settle, load, any } = this.#regions;
    const { kept, siteAt, dead } = map;
    const remapCalls = context.mapFunction !== undefined;
    this.#copied = pos[from]!;
    for (let i = from; ; i++) {
      switch (code.code[i]) {
        case op.try:
          if (this.#identifies(i)) {
            this.#flush(pos[i]!);
            out.u8(op.try);
            this.#blockType(code.blockParams(code.type[i]!), code.blockResults(code.type[i]!));
            this.#open.push(i, 1, 'identified');
            break;
          }
          this.#open.push(i);
          break;
        case op.block:
        case op.if:
          this.#open.push(i);
          break;
        case op.loop:
          if (any && load[i]) {
            this.#flush(pos[i]!);
            this.#countdown.load();
          }
          if (this.#skipPollAt === i) {
            this.#flush(pos[i]!);
            this.#skipPollAt = -1;
            this.#countdown.repay(loopWeight(code, i), code.calls[i] === 0);
          }
          this.#flush(pos[i + 1]!);
          this.#open.push(i);
          if (any && settle[i]) this.#countdown.settle();
          if (kept[i]) this.#keep(i);
          if (siteAt[i]! >= 0) this.#loopPoll(map.sites[siteAt[i]!]!, i);
          continue;
        case op.tryTable:
          this.#flush(pos[i]!);
          this.#tryTable(i);
          this.#copied = pos[i + 1]!;
          this.#open.push(i);
          break;
        case op.else: {
          const top = this.#open.top;
          if (top.resumed === 'body') {
            // The other arm of an `if` that is resumed inside its first: left out.
            this.#flush(pos[i]!);
            i = a[top.opener]! - 1;
            this.#copied = pos[i + 1]!;
          }
          continue;
        }
        case op.catch:
        case op.catchAll: {
          const top = this.#open.top;
          if (top.resumed === 'arm') {
            this.#flush(pos[i]!);
            i = a[top.opener]! - 1;
            this.#copied = pos[i + 1]!;
            continue;
          }
          if (top.resumed === 'identified') {
            this.#flush(pos[i]!);
            identifyCaught(this.#save, top.opener);
            this.#open.pop();
            this.#open.push(top.opener);
          }
          if (code.code[i] === op.catchAll && map.sites.length > 0) {
            this.#flush(pos[i]!);
            out.u8(op.catch).u32(context.added.tag).put(op.rethrow, 0);
          }
          break;
        }
        case op.end: {
          if (b[i]! < 0) {
            this.#flush(pos[i]!);
            return;
          }
          const top = this.#open.pop();
          if (top.resumed === 'body' && code.code[top.opener] === op.loop) {
            // The resumed turn of the loop is over; branches to its head land here.
            this.#flush(pos[i]!);
            out.put(op.br, 1, op.end);
            const head = map.sites[siteAt[top.opener]!];
            if (!head) {
              this.#copied = pos[top.opener]!;
              this.#open.enclosed = 1;
              i = top.opener - 1;
              continue;
            }
            this.#transfer(head);
            out.u8(op.end);
            this.#copied = pos[i + 1]!;
          }
          if (top.closes > 0) {
            this.#flush(pos[i + 1]!);
            for (let k = 0; k < top.closes; k++) out.u8(op.end);
          }
          if (any && settle[i]) {
            this.#flush(pos[i + 1]!);
            this.#countdown.settle();
          }
          break;
        }
        case op.delegate: {
          this.#open.pop();
          this.#label(i, op.delegate, a[i]!);
          break;
        }
        case op.rethrow: {
          const target = this.#open.at(a[i]!);
          if (target.resumed === 'arm') {
            this.#flush(pos[i]!);
            throwCaughtAgain(this.#save, target.opener);
            this.#copied = pos[i + 1]!;
          } else {
            this.#label(i, op.rethrow, a[i]!);
          }
          break;
        }
        case op.br:
        case op.brIf:
          this.#label(i, code.code[i]!, a[i]!);
          break;
        case op.brTable:
          if (this.#open.top.extraSum > 0) {
            this.#flush(pos[i]!);
            const targets = code.branchTargets(i);
            out.u8(op.brTable).u32(targets.length - 1);
            for (const target of targets) out.u32(this.#open.depth(target));
            this.#copied = pos[i + 1]!;
          }
          break;
        case op.return:
          if (any && settle[i]) {
            this.#flush(pos[i]!);
            this.#countdown.settle();
          }
          break;
        case op.returnCall:
        case op.returnCallIndirect:
          if (any && settle[i]) {
            this.#flush(pos[i]!);
            this.#countdown.settle();
          }
          if (siteAt[i]! >= 0 && !dead[i]) {
            this.#flush(pos[i]!);
            this.#callSite(i, map.sites[siteAt[i]!]!);
            out.u8(op.return);
            this.#copied = pos[i + 1]!;
          } else if (remapCalls && code.code[i] === op.returnCall) this.#mappedCall(i, op.returnCall);
          break;
        case op.call:
        case op.callIndirect:
          if (siteAt[i]! >= 0 && !dead[i]) {
            this.#flush(pos[i]!);
            this.#callSite(i, map.sites[siteAt[i]!]!);
            this.#copied = pos[i + 1]!;
          } else if (remapCalls && code.code[i] === op.call) {
            this.#mappedCall(i, op.call);
          }
          break;
        case op.refFunc:
          if (remapCalls) this.#mappedCall(i, op.refFunc);
          break;
        case op.dataDrop:
        case op.elemDrop:
          this.#dropFlag(i);
          break;
        case op.memoryInit:
        case op.tableInit:
          this.#segment(i);
          break;
      }
      if (kept[i]) {
        this.#flush(pos[i + 1]!);
        this.#keep(i);
      }
    }
  }

  #label(i: number, code: number, depth: number): void {
    const mapped = this.#open.depth(depth);
    if (mapped === depth) return;
    const { pos } = this.#code;
    this.#flush(pos[i]!);
    this.out.u8(code).u32(mapped);
    this.#copied = pos[i + 1]!;
  }

  #mappedCall(i: number, code: number): void {
    const { pos, a } = this.#code;
    this.#flush(pos[i]!);
    this.out.u8(code).u32(this.context.mapFunction!(a[i]!));
    this.#copied = pos[i + 1]!;
  }

  #tryTable(i: number, resumed = false): void {
    const { out, context } = this;
    const code = this.#code;
    const clauses = code.catches(i);
    out.u8(op.tryTable);
    this.#blockType(resumed ? [] : code.blockParams(code.type[i]!), code.blockResults(code.type[i]!));
    const passes = this.#handled.size > 0 && clauses.some(({ kind }) => kind >= 2);
    out.u32(clauses.length + (passes ? 1 : 0));
    // Ours goes straight to the function's handler, before a clause that would take everything.
    if (passes)
      out
        .u8(0)
        .u32(context.added.tag)
        .u32(this.#open.functionDepth + 1);
    for (const { kind, tag, label } of clauses) {
      out.u8(kind);
      if (kind < 2) out.u32(tag);
      out.u32(this.#open.depth(label));
    }
  }

  /** Mirrors the values that instruction i has just pushed, because a site above them needs them. */
  #keep(i: number): void {
    const { out, map } = this;
    const types = pushedTypes(this.#code, this.map, i);
    const height = map.height[i]!;
    if (types.length === 1) {
      out.u8(op.localTee).u32(this.#locals.temp(height, types[0]!));
      return;
    }
    for (let k = types.length - 1; k >= 0; k--) out.u8(op.localSet).u32(this.#locals.temp(height + k, types[k]!));
    for (let k = 0; k < types.length; k++) out.u8(op.localGet).u32(this.#locals.temp(height + k, types[k]!));
  }

  // --- sites

  #writeCall(i: number): void {
    const { out, context } = this;
    const code = this.#code;
    if (isDirectCall(this.#code, i)) out.u8(op.call).u32(context.mapFunction?.(code.a[i]!) ?? code.a[i]!);
    else out.u8(op.callIndirect).u32(code.a[i]!).u32(code.b[i]!);
  }

  #callSite(i: number, site: Site): void {
    const { params, results } = callSignature(this.#code, i);
    const args = isDirectCall(this.#code, i) ? params : [...params, valueType.i32];
    if (!isDirectCall(this.#code, i) && this.context.module.tables[this.#code.b[i]!]!.index64) {
      (args as number[])[params.length] = valueType.i64;
    }
    this.#guarded(site, args, results, () => this.#writeCall(i));
  }

  /** A call that may be left by our tag. */
  #guarded(site: Site, args: ArrayLike<number>, results: ArrayLike<number>, call: () => void): void {
    const { out, context } = this;
    if (this.shape(site) === 'handler') {
      this.#setSite(site);
      call();
      return;
    }
    writeLandingPad(out, context, args, results, call, () => {
      saveValues(this.#save, this.slots(site), site.offset);
      this.#clearSite();
    });
  }

  #setSite(site: Site): void {
    const code = this.#code;
    this.out.u8(op.i32Const).s32(site.offset - (code.bodyStart - code.sectionStart) + 1);
    this.out.u8(op.localSet).u32(this.#site);
  }

  /** Asks the host; it answers whether to suspend, and the code throws: a throw of the host would cost a handler. */
  #pollCall(site: Site): void {
    const { out, context } = this;
    out.u8(op.i32Const).s32(port.poll);
    out
      .u8(op.callIndirect)
      .u32(context.types.index([], [valueType.i32]))
      .u32(context.added.portTable);
    out.put(op.if, 0x40);
    if (this.shape(site) === 'handler') this.#setSite(site);
    else {
      saveValues(this.#save, this.slots(site), site.offset);
      this.#clearSite();
    }
    out.u8(op.throw).u32(context.added.tag).u8(op.end);
  }

  /**
   * Instead of a second copy of a loop in the continuation of a site inside it: the frame is captured at the loop's
   * head and the host goes on with the continuation for that, which is the loop alone. So no continuation is larger
   * than its function.
   */
  #transfer(head: Site): void {
    const { out, context } = this;
    const params = this.#code.blockParams(this.#code.type[head.instruction]!);
    const base = head.operands.length - params.length;
    for (let k = params.length - 1; k >= 0; k--) {
      out.u8(op.localSet).u32(this.#locals.temp(base + k, params[k]!));
    }
    if (this.#regions.any) this.#countdown.settle();
    const slots = this.slots(head);
    if (this.shape(head) === 'handler') this.#setSite(head);
    else {
      // As the loop's own poll does it: only for that have the bank and the save functions room for sure.
      const banked = this.#code.calls[head.instruction] === 0 && bankable(slots);
      if (banked) bankValues(this.#save, slots, head.offset);
      else saveValues(this.#save, slots, head.offset);
      this.#clearSite();
    }
    out.put(op.i32Const, 1, op.globalSet).u32(context.added.transfer);
    out.u8(op.throw).u32(context.added.tag);
  }

  #loopPoll(site: Site, i: number): void {
    const { out, context } = this;
    const code = this.#code;
    const countdown = this.#countdown;
    const weight = loopWeight(code, i);
    if (code.calls[i] !== 0) {
      countdown.pollGlobal(weight, () => this.#pollCall(site));
      return;
    }
    countdown.chargeLocal(weight);
    out.put(op.if, 0x40);
    const slots = this.slots(site);
    if (this.shape(site) === 'handler') {
      this.#setSite(site);
      out.u8(op.throw).u32(context.added.tag);
    } else if (bankable(slots)) {
      bankValues(this.#save, slots, site.offset);
      this.#clearSite();
      out.u8(op.throw).u32(context.added.tag);
    } else {
      countdown.settle();
      this.#pollCall(site);
      countdown.load();
    }
    out.u8(op.end);
  }

  // --- continuations

  #openResumed(opener: number, arm: 'body' | 'else' | 'handler'): void {
    const { out } = this;
    const code = this.#code;
    const type = code.type[opener]!;
    const results = code.blockResults(type);
    switch (code.code[opener]) {
      case op.loop:
        out.u8(op.block);
        this.#blockType([], results);
        out.u8(op.block);
        this.#blockType([], code.blockParams(type));
        this.#open.push(opener, 1, 'body');
        return;
      case op.try:
        if (arm === 'body') {
          const identified = this.#identifies(opener);
          for (let k = identified ? 0 : 1; k < 2; k++) {
            out.u8(op.try);
            this.#blockType([], results);
          }
          this.#open.push(opener, identified ? 1 : 0, identified ? 'identified' : undefined);
          return;
        }
        out.u8(op.block);
        this.#blockType([], results);
        this.#open.push(opener, 0, 'arm');
        return;
      case op.tryTable: {
        this.#tryTable(opener, true);
        this.#open.push(opener);
        return;
      }
      default:
        out.u8(op.block);
        this.#blockType([], results);
        this.#open.push(opener, 0, code.code[opener] === op.if && arm === 'body' ? 'body' : undefined);
    }
  }

  // --- legacy handlers

  /** Whether handlers of the `try` at i have to know what they handle. */
  #identifies(i: number): boolean {
    return this.map.rethrown.has(i) && this.map.sites.length > 0;
  }

  // --- segments

  #dropFlag(i: number): void {
    const { out, context } = this;
    const { code, a, pos } = this.#code;
    const isData = code[i] === op.dataDrop;
    const { data, elements } = context.droppable;
    if (context.droppable.data.length + elements.length === 0) return;
    const at = isData ? data.indexOf(a[i]!) : data.length + elements.indexOf(a[i]!);
    this.#flush(pos[i]!);
    out.put(op.i32Const, 1, op.globalSet).u32(context.added.firstDropFlag + at);
    this.#segment(i);
  }

  #segment(i: number): void {
    const { context } = this;
    if (!context.segmentHelper) return;
    const { code, a, b, pos } = this.#code;
    this.#flush(pos[i]!);
    this.out.u8(op.call).u32(context.segmentHelper(code[i]!, a[i]!, b[i]!));
    this.#copied = pos[i + 1]!;
  }
}
