using PageTableEmu.Atomics;
using PageTableEmu.Mm;

namespace PageTableEmu.Replay.Machines;

/// <summary>
/// Tags in a replay: mappings check them, every store gives its page a tag that follows from what it stored, and every access goes through a
/// pointer with the page's tag. Recordings know nothing of it: they must be equal all the same.
/// </summary>
/// <typeparam name="TArch">The architecture.</typeparam>
internal abstract class ReplayTags<TArch>
    where TArch : struct, Paging.IArchitecture
{
    /// <summary>A pointer with the tag that the page has now, wherever it is.</summary>
    internal abstract ulong Pointer(uint space, ulong address);

    /// <summary>Tags the page at an address after a store there, by user mode or by a device.</summary>
    internal abstract void Stored(uint space, ulong address);

    /// <summary>Every page, present or swapped out, whose tags do not follow from its content: they were lost, leaked or restored wrongly.</summary>
    internal abstract IEnumerable<string> Check(IEnumerable<uint> spaces);

    /// <summary>Makes them for a machine.</summary>
    internal delegate ReplayTags<TArch> Maker(MmContext<TArch, CheckedModel> mm);
}
