using PageTableEmu.Atomics;
using PageTableEmu.Mm;
using PageTableEmu.Paging;

namespace PageTableEmu.Core.Tests.Soak.Exact;

/// <summary>The devices of one thread: each has one page pinned and reads or writes it whenever the thread comes by.</summary>
internal sealed class ExactDevices<TArch, TModel>(
    Machine<TArch, TModel> machine, ExactObject shared, Random random, Func<long> nextValue)
    where TArch : struct, IArchitecture
    where TModel : struct, IModel
{
    private const int Most = 6;

    private readonly List<ExactTransfer> transfers = [];
    private readonly byte[] buffer = new byte[machine.Image.PageSize];
    private FaultCounters counters;

    /// <summary>Pins a page whose gate is held; false when frames ran out.</summary>
    public bool Begin(ExactSpace space, ExactRegion region, int index)
    {
        if (transfers.Count == Most)
            return true;
        ExactPage page = region.Pages[index];
        DmaDirection direction = random.Next(2) == 0 ? DmaDirection.FromDevice : DmaDirection.ToDevice;

        // A pin to read that is not long-term may be of the zero page or the object's: the next store parts it from the process.
        bool longTerm = (region.Kind != ExactKind.Shared && direction == DmaDirection.ToDevice) || random.Next(2) == 0;
        ExactPage? showing = region.Kind == ExactKind.View && !page.IsOwn ? shared.Pages[index] : null;
        showing?.Gate.Enter(); // the pin is of a copy that is made now
        MmResult result = machine.Dma.TryBegin(
            space.Space, region.Address(index), buffer.Length, direction, longTerm, out DmaTransfer? transfer, ref counters);
        if (result == MmResult.Ok && showing != null)
        {
            page.Store(showing.Value);
            page.IsOwn = true;
        }

        showing?.Gate.Exit();
        if (result == MmResult.Ok)
            transfers.Add(new ExactTransfer(space, region, index, transfer!));
        else if (result != MmResult.NoMemory && !(result == MmResult.Fault && page.IsGuard))
            throw new InvalidOperationException($"pin of {region.Kind}, {page}: {result}");
        return result != MmResult.NoMemory;
    }

    /// <summary>One of the devices that have a page pinned, whose gate is held, reads or writes it, and perhaps ends.</summary>
    public void Work(ExactRegion region, int index)
    {
        ExactTransfer? found = transfers.Find(one => one.Region == region && one.Index == index);
        if (found == null)
            return;
        if (found.Transfer.Direction == DmaDirection.FromDevice && found.IsAttached && random.Next(2) == 0)
            Write(found); // never to an orphan: another device may have the same frame
        else
            Read(found);
        if (random.Next(3) == 0)
            Complete(found);
    }

    public void CompleteAll(ExactSpace? ofSpace = null)
    {
        foreach (ExactTransfer one in transfers.Where(one => ofSpace == null || one.Space == ofSpace).ToArray())
            Complete(one);
    }

    private void Write(ExactTransfer one)
    {
        long value = nextValue();
        ExactPage.Fill(buffer, value);
        machine.Dma.Write(one.Transfer, 0, buffer);
        one.Page.Store(value);
    }

    private void Read(ExactTransfer one)
    {
        machine.Dma.Read(one.Transfer, 0, buffer);
        long? seen = ExactPage.Parse(buffer);
        bool right = one.IsAttached ? one.Page.Allows(seen) : seen != null && (one.Orphaned == null || one.Orphaned == seen);
        if (!right)
        {
            throw new InvalidOperationException(
                $"A device that has page {one.Index} of {one.Region.Kind} in address space {one.Space.Space} pinned {one.Transfer.Direction} "
                + $"sees {seen}; {(one.IsAttached ? one.Page.ToString() : $"{one.Orphaned}, orphaned")}.");
        }

        if (!one.IsAttached)
            one.Orphaned = seen;
    }

    private void Complete(ExactTransfer one)
    {
        machine.Dma.Complete(one.Transfer);
        transfers.Remove(one);
    }
}
