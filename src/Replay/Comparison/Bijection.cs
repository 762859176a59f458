namespace PageTableEmu.Replay.Comparison;

/// <summary>A growing one-to-one relation between the identities of two sides; 0 stands for itself alone.</summary>
internal sealed class Bijection
{
    private readonly Dictionary<long, long> forward = [];
    private readonly Dictionary<long, long> backward = [];

    /// <summary>Whether two identities may be one; if neither was seen before, they are from now on.</summary>
    public bool Agrees(long left, long right)
    {
        if (left == 0 || right == 0)
            return left == right;
        if (forward.TryGetValue(left, out long known) | backward.TryGetValue(right, out long origin))
            return known == right && origin == left;
        forward.Add(left, right);
        backward.Add(right, left);
        return true;
    }

    /// <summary>The other side's identity of one of the left side.</summary>
    public bool TryGet(long left, out long right) => forward.TryGetValue(left, out right);
}
