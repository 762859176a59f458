using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Image.Trees;
using PageTableEmu.Mm;
using PageTableEmu.Mm.SharedMemory;
using PageTableEmu.Paging;

namespace PageTableEmu.Verification;

/// <summary>
/// Checks shared memory objects: index, size, counts, swap list, reverse map; and tells the survey which frames and slots are theirs. Objects may
/// have more references than VMAs: those of holders of the number.
/// </summary>
internal sealed class SharedVerifier<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly Survey<TArch, TModel> survey;
    private readonly MmContext<TArch, TModel> mm;
    private readonly SharedObjects<TModel> objects;
    private readonly HashSet<uint> blocks = [];
    private readonly HashSet<uint> linked = [];
    private readonly Findings findings = new();

    internal SharedVerifier(Survey<TArch, TModel> survey)
    {
        this.survey = survey;
        mm = survey.Mm;
        objects = mm.Vmas.Objects;
    }

    internal Findings Run()
    {
        HashSet<uint> listed = ReadSwapList();
        uint live = 0;
        for (uint number = 1; number <= objects.HighWater; number++)
        {
            if (!IsLive(number))
                continue;
            live++;
            CheckPages(number, listed.Contains(number));
            CheckVmas(number);
        }

        if (live != objects.InUse)
            findings.Add("SH5", $"{live} shared objects live and {objects.InUse} are counted.");
        if (blocks.Count != objects.Index.BlocksInUse)
            findings.Add("SH5", $"{blocks.Count} index blocks are in objects and {objects.Index.BlocksInUse} are counted.");
        CheckEveryVmaIsLinked();
        return findings;
    }

    private bool IsLive(uint number) => Atomic<TModel>.Load(ref objects[number].References) != 0;

    private HashSet<uint> ReadSwapList()
    {
        var listed = new HashSet<uint>();
        uint previous = 0;
        for (uint number = objects.FirstOnSwapList; number != 0; number = objects[number].SwapNext)
        {
            if (!IsLive(number) || !listed.Add(number) || objects[number].SwapPrevious != previous || objects[number].OnSwapList != 1)
            {
                findings.Add("SH3", $"The swap list of shared objects is broken behind {previous}: {number} is next.");
                return listed;
            }

            previous = number;
        }

        return listed;
    }

    private void CheckPages(uint number, bool isListed)
    {
        ulong size = objects.PagesOf(number);
        ulong swapped = 0;
        foreach ((ulong page, SharedPage place) in objects.Index.ReadAll(number, blocks))
        {
            if (page >= size)
                findings.Add("SH2", $"Shared object {number} has {size} pages, and page {page} is somewhere: {place}.");
            if (place.IsFrame)
                CheckFrame(number, page, place.Frame);
            else if (place.IsSwap)
                swapped += CountSlot(number, page, place);
        }

        if (swapped != objects[number].Swapped)
            findings.Add("SH3", $"Shared object {number} has {swapped} pages in swap and counts {objects[number].Swapped}.");
        if ((swapped != 0 && !isListed) || isListed != (objects[number].OnSwapList != 0))
            findings.Add("SH3", $"Shared object {number} has {swapped} pages in swap and is {(isListed ? "" : "not ")}on the swap list.");
    }

    private void CheckFrame(uint number, ulong page, uint frame)
    {
        if (!survey.HasRecord(frame))
        {
            findings.Add("SH1", $"Page {page} of shared object {number} is in frame {frame}, outside RAM.");
            return;
        }

        ref FrameRecord record = ref mm.Frames[frame];
        if (!mm.Frames.Has(frame, FrameFlags.SharedMemory) || record.Mapping != number || record.Index != page)
        {
            findings.Add("SH1", $"Page {page} of shared object {number} is in frame {frame}, {(FrameFlags)record.Flags}, "
                + $"which names page {record.Index} of {record.Mapping}.");
        }

        survey.Marks[frame] |= FrameMarks.InObject;
    }

    private uint CountSlot(uint number, ulong page, SharedPage place)
    {
        if (survey.TryIndex(place.Entry, out uint index))
            survey.Named[index]++;
        else
            findings.Add("I23", $"Page {page} of shared object {number} names slot {place.Entry}, which no area has.");
        return 1;
    }

    private void CheckVmas(uint number)
    {
        var tree = new TreeCheck<SharedVmaNodes<TModel>>(objects.Nodes, objects[number].Tree, $"Shared object {number}");
        foreach (string problem in tree.Problems)
            findings.Add("VMA", problem);
        foreach (uint vma in tree.Nodes)
        {
            if (mm.Vmas[vma].SharedObject != number || !linked.Add(vma))
                findings.Add("SH4", $"VMA {vma} is in the tree of shared object {number} and shows {mm.Vmas[vma].SharedObject}.");
        }

        if (objects[number].References < tree.Nodes.Count)
            findings.Add("SH4", $"Shared object {number} has {objects[number].References} references and {tree.Nodes.Count} VMAs.");
    }

    private void CheckEveryVmaIsLinked()
    {
        foreach (uint space in survey.Spaces)
        {
            var tree = new TreeCheck<VmaNodes<TModel>>(mm.Vmas.Nodes, mm.Spaces[space].VmaRoot, $"Address space {space}");
            foreach (uint vma in tree.Nodes)
            {
                if (mm.Vmas[vma].SharedObject != 0 && !linked.Contains(vma))
                    findings.Add("SH4", $"VMA {vma} shows shared object {mm.Vmas[vma].SharedObject} and is not in its tree.");
            }
        }
    }
}
