using PageTableEmu.Mm;

namespace PageTableEmu.Core.Tests.Mm.Structures;

/// <summary>
/// The same rules over plain lists: every question is a scan, every count is computed. Addresses in pages.
/// </summary>
internal sealed class NaiveMm
{
    private const VmaFlags Sticky = VmaFlags.Guard | VmaFlags.SoftDirty;

    private ulong age;

    public List<NaiveVma> Vmas { get; } = [];

    public IEnumerable<NaiveVma> Of(uint mm) => Vmas.Where(vma => vma.Mm == mm).OrderBy(vma => vma.Start);

    public NaiveVma At(uint mm, ulong page) => Vmas.Single(vma => vma.Mm == mm && vma.Start <= page && page < vma.End);

    public void Map(uint mm, ulong start, ulong end, VmaFlags flags, ulong offset, uint shared)
    {
        var vma = new NaiveVma { Mm = mm, Start = start, End = end, Offset = offset, Flags = flags, Shared = shared };
        Resort(vma);
        Vmas.Add(vma);
        Modify(vma, start, end, flags, 0);
    }

    public NaiveVma Split(NaiveVma vma, ulong at)
    {
        NaiveVma high = CopyOf(vma, vma.Mm, at, vma.End);
        vma.End = at;
        Vmas.Add(high);
        Resort(vma);
        Resort(high);
        return high;
    }

    public void Modify(NaiveVma vma, ulong start, ulong end, VmaFlags flags, uint uffd)
    {
        flags |= vma.Flags & Sticky;
        NaiveVma? previous = start == vma.Start ? Vmas.Find(other => other.Mm == vma.Mm && other.End == start) : null;
        NaiveVma? next = end == vma.End ? Vmas.Find(other => other.Mm == vma.Mm && other.Start == end) : null;
        ulong offset = vma.Offset + start - vma.Start;
        bool left = previous != null && previous.Offset + previous.End - previous.Start == offset && Fits(previous, vma, flags, uffd);
        bool right = next != null && next.Offset == offset + end - start && Fits(next, vma, flags, uffd);
        if (left && right && previous!.Anon != null && next!.Anon != null && previous.Anon != next.Anon)
            right = false;
        bool whole = start == vma.Start && end == vma.End;
        if (left && right)
        {
            Adopt(previous!, next!.Anon != null ? next : vma);
            Stick(previous!, flags, vma, next);
            previous!.End = next.End;
            Vmas.Remove(vma);
            Vmas.Remove(next);
            Resort(previous);
        }
        else if (left)
        {
            Adopt(previous!, vma);
            Stick(previous!, flags, vma);
            previous!.End = end;
            Shorten(vma, whole, end, vma.End);
            Resort(previous);
        }
        else if (right)
        {
            Adopt(next!, vma);
            Stick(next!, flags, vma);
            next!.Offset -= end - start;
            next.Start = start;
            Shorten(vma, whole, vma.Start, start);
            Resort(next);
        }
        else
        {
            if (vma.Start < start)
                vma = Split(vma, start);
            if (vma.End > end)
                Split(vma, end);
            vma.Flags = flags;
            vma.Uffd = uffd;
        }
    }

    public void Prepare(NaiveVma vma)
    {
        if (vma.Anon != null)
            return;
        NaiveVma? next = Vmas.Find(other => other.Mm == vma.Mm && other.Start == vma.End);
        NaiveVma? previous = Vmas.Find(other => other.Mm == vma.Mm && other.End == vma.Start);
        NaiveAnon? anon = null;
        if (next != null && Akin(vma, next) && next.Chain.Count == 1)
            anon = next.Anon;
        else if (previous != null && Akin(previous, vma) && previous.Chain.Count == 1)
            anon = previous.Anon;
        vma.Anon = anon ?? new NaiveAnon(null);
        vma.Chain = [vma.Anon];
        Resort(vma);
    }

    public NaiveVma Clone(NaiveVma vma, uint mm)
    {
        NaiveVma copy = CopyOf(vma, mm, vma.Start, vma.End);
        copy.Flags &= ~(VmaFlags.Locked | VmaFlags.LockOnFault | VmaFlags.UffdMissing | VmaFlags.UffdWriteProtect);
        copy.Uffd = 0;
        copy.Anon = null;
        copy.Chain = [];
        Vmas.Add(copy);
        Resort(copy);
        return copy;
    }

    public void ForkAnon(NaiveVma child, NaiveVma parent)
    {
        if (parent.Anon == null)
            return;
        NaiveAnon? deserted = parent.Chain.Find(anon => anon.Parent != null && Active(anon) == 0 && Children(anon) < 2);
        child.Chain = [.. parent.Chain];
        child.Anon = deserted;
        if (deserted == null)
        {
            child.Anon = new NaiveAnon(parent.Anon);
            child.Chain.Add(child.Anon);
        }

        Resort(child);
    }

    public void Move(NaiveVma vma, ulong start, ulong length, ulong destination, ulong offset)
    {
        NaiveVma? previous = Vmas.Find(other => other.Mm == vma.Mm && other.End == destination);
        NaiveVma? next = Vmas.Find(other => other.Mm == vma.Mm && other.Start == destination + length);
        bool left = previous != null && previous.Offset + previous.End - previous.Start == offset && Fits(previous, vma, vma.Flags, vma.Uffd);
        bool right = next != null && next.Offset == offset + length && Fits(next, vma, vma.Flags, vma.Uffd);
        if (left && right && previous!.Anon != next!.Anon)
            right = false;
        NaiveVma moved;
        if (left)
        {
            moved = previous!;
            Adopt(moved, vma);
            Stick(moved, vma.Flags);
            moved.End = right ? next!.End : destination + length;
            if (right)
            {
                Stick(moved, next!.Flags);
                Vmas.Remove(next);
            }
        }
        else if (right)
        {
            moved = next!;
            Adopt(moved, vma);
            Stick(moved, vma.Flags);
            moved.Start = destination;
            moved.Offset -= length;
        }
        else
        {
            moved = CopyOf(vma, vma.Mm, destination, destination + length);
            moved.Offset = offset;
            Vmas.Add(moved);
        }

        Resort(moved);
        moved.Uffd = 0;
        moved.Flags &= ~(VmaFlags.UffdMissing | VmaFlags.UffdWriteProtect);
    }

    /// <summary>Where a page index may be mapped, in the order of a reverse-map walk.</summary>
    public IEnumerable<(uint Mm, ulong Page)> Places(NaiveAnon anon, ulong index) => Vmas
        .Where(vma => vma.Chain.Contains(anon) && vma.Offset <= index && index < vma.Offset + vma.End - vma.Start)
        .OrderBy(vma => vma.Offset).ThenBy(vma => vma.Age)
        .Select(vma => (vma.Mm, vma.Start + index - vma.Offset));

    private static bool Akin(NaiveVma low, NaiveVma high) =>
        low.Shared == high.Shared
        && ((low.Flags ^ high.Flags) & ~(Sticky | VmaFlags.Read | VmaFlags.Write | VmaFlags.Execute)) == 0
        && high.Offset == low.Offset + high.Start - low.Start;

    private static bool Fits(NaiveVma target, NaiveVma source, VmaFlags flags, uint uffd)
    {
        if ((target.Flags & ~Sticky) != (flags & ~Sticky) || target.Shared != source.Shared || target.Uffd != uffd)
            return false;
        if (target.Anon == null && source.Anon != null)
            return source.Chain.Count == 1;
        if (target.Anon != null && source.Anon == null)
            return target.Chain.Count == 1;
        return target.Anon == source.Anon;
    }

    private static void Adopt(NaiveVma target, NaiveVma source)
    {
        if (target.Anon != null || source.Anon == null)
            return;
        target.Anon = source.Anon;
        target.Chain = [.. source.Chain];
    }

    private static void Stick(NaiveVma target, VmaFlags flags, params ReadOnlySpan<NaiveVma> others)
    {
        target.Flags |= flags & Sticky;
        foreach (NaiveVma other in others)
            target.Flags |= other.Flags & Sticky;
    }

    private static NaiveVma CopyOf(NaiveVma vma, uint mm, ulong start, ulong end) => new()
    {
        Mm = mm,
        Start = start,
        End = end,
        Offset = vma.Offset + start - vma.Start,
        Flags = vma.Flags,
        Shared = vma.Shared,
        Uffd = vma.Uffd,
        Anon = vma.Anon,
        Chain = [.. vma.Chain],
    };

    private void Shorten(NaiveVma vma, bool whole, ulong start, ulong end)
    {
        if (whole)
        {
            Vmas.Remove(vma);
            return;
        }

        vma.Offset += start - vma.Start;
        vma.Start = start;
        vma.End = end;
        Resort(vma);
    }

    private int Active(NaiveAnon anon) => Vmas.Count(vma => vma.Anon == anon);

    private int Children(NaiveAnon anon) => Vmas.SelectMany(vma => vma.Chain).Distinct().Count(other => other.Parent == anon);

    private void Resort(NaiveVma vma) => vma.Age = ++age;
}
