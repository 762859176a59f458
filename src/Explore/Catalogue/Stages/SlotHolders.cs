using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Explore.Machines;
using PageTableEmu.Mm;
using PageTableEmu.Swap;

namespace PageTableEmu.Explore.Catalogue.Stages;

/// <summary>
/// Judges after every step the slots that actors hold without entries: as long as somebody holds a slot it is in use, was not issued again, has the
/// references that are held, and its content is what it was. Watched pages are judged too.
/// </summary>
/// <remarks>An actor lets go before it puts, and holds after it took: what is judged is never more than what it has.</remarks>
internal sealed class SlotHolders<TModel> : StepOracle
    where TModel : struct, IExplored
{
    private readonly ExploredMachine<X64FourLevel, TModel> small;
    private readonly MmContext<X64FourLevel, Mainline> mm;
    private readonly byte[] content; // what the judge sees
    private readonly byte[] read; // what an actor sees
    private readonly Hold[] holds;
    private readonly Hold[] first;

    /// <param name="small">The machine; slots are those of its first area.</param>
    /// <param name="slots">How many the area has.</param>
    internal SlotHolders(ExploredMachine<X64FourLevel, TModel> small, uint slots)
    {
        this.small = small;
        mm = new MmContext<X64FourLevel, Mainline>(small.Machine.Image, small.Machine.Context.SwapTypes);
        content = new byte[small.Machine.Image.PageSize];
        read = new byte[small.Machine.Image.PageSize];
        holds = new Hold[slots + 1]; // the first is the header
        first = new Hold[slots + 1];
    }

    private SwapSpace<TModel> Swap => small.Machine.Context.Swap;

    /// <summary>An actor has a slot from now on.</summary>
    /// <param name="slot">The slot.</param>
    /// <param name="references">How many more references; none who has only pinned or cached it.</param>
    internal void Take(SwapEntry slot, uint references = 1)
    {
        ref Hold hold = ref holds[slot.Offset];
        if (hold.Holders == 0)
        {
            mm.Swap.Peek(slot, content);
            hold = new Hold(0, 0, mm.Swap.Map[slot].Generation, content[0]);
        }

        hold = hold with { Holders = hold.Holders + 1, References = hold.References + references };
    }

    /// <summary>Takes free slots (<see cref="SwapSpace{TModel}.TryTake"/>), which nobody may have.</summary>
    internal void TakeFree(int count)
    {
        var taken = new SwapEntry[count];
        foreach (SwapEntry slot in taken.AsSpan(0, Swap.TryTake(taken)))
        {
            if (holds[slot.Offset].Holders != 0)
                throw new FindingException(new Finding("I1", $"slot {slot.Offset} was handed out, and somebody has it"));
            Take(slot);
        }
    }

    /// <summary>An actor looks at a slot that it has: others may come before that, and what they do to the slot is seen.</summary>
    internal void Use(SwapEntry slot)
    {
        if (Swap.Peek(slot, read) != SwapResult.Ok || read[0] != holds[slot.Offset].Content)
            throw new FindingException(new Finding("G1", $"slot {slot.Offset} was read as {read[0]} instead of {holds[slot.Offset].Content}"));
    }

    /// <summary>An actor is about to give a slot back.</summary>
    internal void LetGo(SwapEntry slot, uint references = 1)
    {
        ref Hold hold = ref holds[slot.Offset];
        hold = hold with { Holders = hold.Holders - 1, References = hold.References - references };
    }

    /// <summary>Puts slots many at once, of each a reference that is held.</summary>
    internal void Put(ReadOnlySpan<SwapEntry> slots)
    {
        foreach (SwapEntry slot in slots)
            LetGo(slot);
        Swap.Put(slots);
    }

    /// <summary>What is held now is what every execution begins with.</summary>
    internal void BeginHere() => holds.CopyTo(first, 0);

    /// <inheritdoc/>
    public override void Begin()
    {
        first.CopyTo(holds, 0);
        small.Pages.Begin();
    }

    /// <inheritdoc/>
    public override void Access(int actor, Access access, nuint address) => small.Pages.Access(actor, access, address);

    /// <inheritdoc/>
    public override void Bytes(int actor, nuint read, nuint written) => small.Pages.Bytes(actor, read, written);

    /// <inheritdoc/>
    public override Finding? Check(int actor)
    {
        if (small.Pages.Check(actor) is { } finding)
            return finding;
        for (uint slot = 1; slot < holds.Length; slot++)
        {
            if (holds[slot].Holders != 0 && Judge(slot, holds[slot]) is { } wrong)
                return new Finding("I1", $"slot {slot} {wrong}, and somebody has it");
        }

        return null;
    }

    /// <summary>
    /// What is wrong when all actors have finished: a reference too many or too few, a slot that is free and cannot be had, or anything of the
    /// machine when all has been given back.
    /// </summary>
    internal Finding? AtEnd()
    {
        int free = 0;
        for (uint slot = 1; slot < holds.Length; slot++)
        {
            SwapSlotWord word = mm.Swap.Map[new SwapEntry(0, slot)];
            free += word.IsFree ? 1 : 0;
            if (holds[slot].Holders != 0 ? word.Count != holds[slot].References : word.Count == 0 && !word.IsFree)
                return new Finding("I1", $"slot {slot} is {word}, and {holds[slot].References} references are held");
        }

        var rest = new SwapEntry[holds.Length];
        int had = Swap.TryTake(rest);
        if (had != free)
            return new Finding("I10", $"{free} slots are free, and {had} could be had");
        Swap.Put(rest.AsSpan(0, had));
        for (uint slot = 1; slot < holds.Length; slot++)
        {
            for (uint reference = 0; reference < holds[slot].References; reference++)
                Swap.Put(new SwapEntry(0, slot));
        }

        return small.Verify();
    }

    private string? Judge(uint slot, Hold hold)
    {
        var entry = new SwapEntry(0, slot);
        SwapSlotWord word = mm.Swap.Map[entry];
        if (!word.IsUsed)
            return "is free";
        if (word.Generation != hold.Generation)
            return "was issued again";
        if (word.Count < hold.References)
            return $"has {word.Count} references, which is less than {hold.References}";
        return mm.Swap.Peek(entry, content) == SwapResult.Ok && content[0] == hold.Content ? null : $"holds {content[0]} instead of {hold.Content}";
    }

    private readonly record struct Hold(uint Holders, uint References, uint Generation, byte Content);
}
